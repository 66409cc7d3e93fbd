"""What a benchmark is asked for: refused in one sentence before anything starts, if it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import builders
import pytest

from perf_pipeline.defs.asking import ConfigurationError
from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).parents[2]


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
