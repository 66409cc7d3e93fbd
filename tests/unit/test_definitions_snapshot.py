"""Dagster's definitions as one text: a renamed asset, a lost dependency or a blocking check shows as a diff.

After a change that is meant: ``python tests/unit/test_definitions_snapshot.py`` writes the golden anew.
"""

from __future__ import annotations

from pathlib import Path

import builders
import pytest
from dagster import AssetsDefinition, Definitions

from perf_pipeline.defs.build import build_definitions
from perf_pipeline.defs.suites import load_suites
from perf_pipeline.project import Project
from perf_pipeline.suite_file import SuiteError

GOLDEN = Path(__file__).with_suffix(".golden.txt")


def definitions() -> Definitions:
    root = Path("/project")
    project = Project(
        root=root, home=root / "home", tools=root / "tools", store_url="sqlite:////project/store"
    )
    return build_definitions([builders.suite()], project)


def described(defs: Definitions) -> str:
    lines = []
    graph = defs.resolve_asset_graph()
    for asset in defs.assets or ():
        assert isinstance(asset, AssetsDefinition)
        lines.append(f"asset {asset.key.to_user_string()}")
        lines.append(f"  group {asset.group_names_by_key[asset.key]}, pool {asset.op.pool}")
        parents = sorted(key.to_user_string() for key in graph.get(asset.key).parent_keys)
        lines.append(f"  from {', '.join(parents) or 'nothing'}")
        config = asset.op.config_schema.config_type
        fields = getattr(config, "fields", None)
        for name, field in (fields or {}).items():
            default = f" = {field.default_value!r}" if field.default_provided else ""
            lines.append(f"  config {name}{default}")
        lines += [f"  check {spec.name}{' BLOCKS' if spec.blocking else ''}" for spec in asset.check_specs]
        lines.append(f"  needs {', '.join(sorted(asset.required_resource_keys))}")
    for job in defs.resolve_all_job_defs():
        if job.name.startswith("__"):
            continue
        keys = sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
        lines.append(f"job {job.name} ({job.executor_def.name} executor)")
        lines.append(f"  tags {dict(job.tags)}")
        lines += [f"  materialises {key}" for key in keys]
    for sensor in defs.sensors or ():
        lines.append(f"sensor {sensor.name} ({sensor.default_status.value})")
        lines += [f"  launches {job.name}" for job in sensor.jobs]
    lines += [f"resource {name}" for name in sorted(defs.resources or {})]
    return "\n".join(lines) + "\n"


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
