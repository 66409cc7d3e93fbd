"""Dagster's definitions as one text: a renamed asset, a lost dependency or a blocking check shows as a diff.

After a change that is meant: ``python tests/unit/test_definitions_snapshot.py`` writes the golden anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import builders
import pytest
from dagster import AssetsDefinition, Definitions, Field, ScheduleDefinition, SensorDefinition
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from perf_pipeline.defs.build import build_definitions
from perf_pipeline.defs.suites import load_suites
from perf_pipeline.project import Project
from perf_pipeline.suite import Deploys, DeploySource, Schedule, Suite
from perf_pipeline.suite_file import SuiteError

GOLDEN = Path(__file__).with_suffix(".golden.txt")
CODE_VERSION = re.compile(r"[0-9.]+-[0-9a-f]{8}-[0-9a-f]{8}")  # itself it changes with every line of code


def suite_that_runs_by_itself() -> Suite:
    nightly = Schedule(name="nightly", cron="0 2 * * *", timezone="UTC", profile="standard", enabled=True)
    weekly = nightly.model_copy(update={"name": "weekly", "cron": "0 4 * * 6", "enabled": False})
    local = builders.suite().targets["local"]
    deploys = Deploys(source=DeploySource.MARKER, profile="standard", settle_s=60, enabled=True)
    by_itself = {"schedules": (nightly, weekly), "deploys": deploys}
    return builders.suite(
        targets={"local": local.model_copy(update=by_itself)}, owners=("team:games", "ada@example.com")
    )


def definitions() -> Definitions:
    root = Path("/project")
    project = Project(
        root=root, home=root / "home", tools=root / "tools", store_url="sqlite:////project/store"
    )
    return build_definitions([suite_that_runs_by_itself()], project)


def described(defs: Definitions) -> str:
    lines = []
    graph = defs.resolve_asset_graph()
    for asset in defs.assets or ():
        assert isinstance(asset, AssetsDefinition)
        lines += asset_lines(asset, graph)
    for job in defs.resolve_all_job_defs():
        if job.name.startswith("__"):
            continue
        keys = sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
        lines.append(f"job {job.name} ({job.executor_def.name} executor)")
        lines.append(f"  tags {dict(job.tags)}")
        lines.append(f"  launchpad {dict(job.run_config or {}).get('ops')}")
        lines += [f"  materialises {key}" for key in keys]
    for sensor in defs.sensors or ():
        assert isinstance(sensor, SensorDefinition)
        every = sensor.minimum_interval_seconds
        lines.append(f"sensor {sensor.name} ({sensor.default_status.value}, every {every} s)")
        lines += [f"  launches {job.name}" for job in (sensor.jobs if sensor.has_jobs else [])]
    for schedule in defs.schedules or ():
        assert isinstance(schedule, ScheduleDefinition)
        when = f"{schedule.cron_schedule} {schedule.execution_timezone}"
        lines.append(f"schedule {schedule.name} ({schedule.default_status.value}): {when}")
        lines.append(f"  launches {schedule.job_name}, tags {dict(schedule.tags or {})}")
    lines += [f"resource {name}" for name in sorted(defs.resources or {})]
    return "\n".join(lines) + "\n"


def asset_lines(asset: AssetsDefinition, graph: AssetGraph) -> list[str]:
    spec = asset.get_asset_spec()
    lines = [f"asset {asset.key.to_user_string()}: {(spec.description or '').splitlines()[0]}"]
    lines.append(
        f"  group {spec.group_name}, pool {asset.op.pool}, owners {', '.join(spec.owners) or 'none'}"
    )
    versioned = "by code and plan" if CODE_VERSION.fullmatch(spec.code_version or "") else "not at all"
    lines.append(f"  kinds {', '.join(sorted(spec.kinds))}, version {versioned}")
    freshness = spec.freshness_policy
    if isinstance(freshness, TimeWindowFreshnessPolicy):
        assert freshness.warn_window is not None
        warn, fail = freshness.warn_window.to_timedelta(), freshness.fail_window.to_timedelta()
        lines.append(f"  is a warning after {warn}, a failure after {fail}")
    parents = sorted(key.to_user_string() for key in graph.get(asset.key).parent_keys)
    lines.append(f"  from {', '.join(parents) or 'nothing'}")
    config = asset.op.config_schema.config_type
    for name, field in (getattr(config, "fields", None) or {}).items():
        default = f" = {field.default_value!r}" if field.default_provided else ""
        lines.append(f"  config {name}{default}{offered(field)}")
    lines += [f"  check {spec.name}{' BLOCKS' if spec.blocking else ''}" for spec in asset.check_specs]
    if asset.op.retry_policy is not None:
        lines.append("  RETRIED by itself")
    lines.append(f"  needs {', '.join(sorted(asset.required_resource_keys))}")
    return lines


def offered(field: Field) -> str:
    """The values that the launchpad offers."""
    inner = getattr(field.config_type, "inner_type", field.config_type)
    values = [value.config_value for value in getattr(inner, "enum_values", ())]
    return f" of {', '.join(values)}" if values else ""


class TestTheDefinitions:
    def test_are_those_of_the_golden(self) -> None:
        expected = GOLDEN.read_text()
        assert described(definitions()) == expected, f"if this is meant: python {Path(__file__).name}"

    def test_can_be_loaded_as_dagster_loads_them(self) -> None:
        Definitions.validate_loadable(definitions())

    def test_a_broken_suite_file_raises_its_sentences_instead_of_losing_the_suite(
        self, tmp_path: Path
    ) -> None:
        folder = tmp_path / "k6" / "broken"
        folder.mkdir(parents=True)
        (folder / "suite.yaml").write_text("endpoint: {}\n")
        with pytest.raises(SuiteError) as caught:
            load_suites(tmp_path)
        assert any("suite.yaml:1" in problem for problem in caught.value.problems)


if __name__ == "__main__":
    GOLDEN.write_text(described(definitions()))
