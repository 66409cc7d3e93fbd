"""Dagster's definitions as one text: a renamed asset, a lost dependency or a blocking check shows as a diff.

After a change that is meant: ``python tests/unit/test_definitions_snapshot.py`` writes the golden anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import builders
import pytest
from dagster import AssetsDefinition, Definitions

from perf_pipeline.defs.asking import ConfigurationError
from perf_pipeline.defs.build import build_definitions
from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.suites import load_suites
from perf_pipeline.project import Project
from perf_pipeline.suite_file import SuiteError, load_suite

ROOT = Path(__file__).parents[2]
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


class TestAConfigThatNamesNothing:
    def test_takes_the_first_target_and_the_profile_standard(self) -> None:
        suite = load_suite(ROOT / "k6" / "multiplayer")
        request = BenchmarkConfig().request(suite, launched_by="tests")
        assert (request.target, request.profile) == ("local", "standard")

    def test_takes_the_first_profile_of_a_suite_without_a_standard_one(self) -> None:
        suite = load_suite(ROOT / "tests" / "fixtures" / "suites" / "shop")
        request = BenchmarkConfig(target="", profile="").request(suite, launched_by="tests")
        assert request.profile == "smoke"

    def test_takes_the_first_target_whatever_its_name(self) -> None:
        local = builders.suite().targets["local"]
        targets = {"staging": local.model_copy(update={"name": "staging"}), "local": local}
        assert builders.suite(targets=targets).default_target == "staging"


class TestAConfigThatNamesWhatIsNotThere:
    def test_is_one_sentence_with_the_nearest_name(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            BenchmarkConfig(profile="standart").request(builders.suite(), launched_by="tests")
        assert str(caught.value) == (
            "suite multiplayer has no profile 'standart' (there is fixed_users, smoke, standard): "
            "did you mean 'standard'?"
        )

    def test_names_the_target_too(self) -> None:
        with pytest.raises(ConfigurationError, match=r"has no target 'moon' \(there is local\): choose one"):
            BenchmarkConfig(target="moon").request(builders.suite(), launched_by="tests")

    def test_names_the_limit_that_the_load_exceeds(self) -> None:
        suite = load_suite(ROOT / "k6" / "multiplayer")
        with pytest.raises(ConfigurationError, match=r"limits.duration of the target allows 900"):
            BenchmarkConfig(target="staging", profile="soak").request(suite, launched_by="tests")


class TestAPlanThatIsOutdated:
    def test_is_refused_before_anything_starts(self, tmp_path: Path) -> None:
        copy = tmp_path / "k6" / "multiplayer"
        shutil.copytree(ROOT / "k6" / "multiplayer", copy)
        file = copy / "suite.yaml"
        file.write_text(file.read_text().replace("rate: 8/s", "rate: 9/s"))
        with pytest.raises(ConfigurationError, match=r"does not agree with suite\.yaml beside it"):
            BenchmarkConfig(profile="smoke").request(load_suite(copy), launched_by="tests")


if __name__ == "__main__":
    GOLDEN.write_text(described(definitions()))
