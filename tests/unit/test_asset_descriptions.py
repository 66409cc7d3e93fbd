"""What Dagster's UI says of the assets of a suite, and what its launchpad offers."""

from __future__ import annotations

import shutil
from pathlib import Path

import builders
import pytest
from dagster import FreshnessPolicy
from pydantic import ValidationError

from perf_pipeline.defs.describing import code_version, freshness
from perf_pipeline.defs.launchpad import config_for
from perf_pipeline.suite import Schedule, Suite
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).parents[2]
NIGHTLY = Schedule(name="nightly", cron="0 2 * * *", timezone="UTC", profile="standard", enabled=True)


def with_schedules(*schedules: Schedule) -> Suite:
    local = builders.suite().targets["local"]
    return builders.suite(targets={"local": local.model_copy(update={"schedules": schedules})})


class TestTheCodeVersion:
    def test_is_the_same_for_the_same_code_and_plan(self) -> None:
        assert code_version(builders.suite(), "load_test") == code_version(builders.suite(), "load_test")

    def test_changes_with_the_plan(self) -> None:
        suite = builders.suite()
        standard = suite.profiles["standard"].model_copy(update={"max_users": 7})
        changed = builders.suite(profiles={**suite.profiles, "standard": standard})
        assert code_version(changed, "load_test") != code_version(suite, "load_test")

    def test_changes_with_the_scenario(self, tmp_path: Path) -> None:
        (tmp_path / "scenario.js").write_text("export default () => {};")
        before = code_version(builders.suite(folder=tmp_path), "load_test")
        (tmp_path / "scenario.js").write_text("export default () => { journey(); };")
        assert code_version(builders.suite(folder=tmp_path), "load_test") != before

    def test_of_a_step_is_that_of_its_own_code(self) -> None:
        suite = builders.suite()
        assert code_version(suite, "slo_report") != code_version(suite, "prometheus_snapshot")

    def test_does_not_depend_on_where_the_project_lies(self, tmp_path: Path) -> None:
        copy = shutil.copytree(ROOT / "k6", tmp_path / "k6")
        here, there = load_suite(ROOT / "k6" / "multiplayer"), load_suite(copy / "multiplayer")
        assert code_version(here, "load_test") == code_version(there, "load_test")

    def test_does_not_depend_on_when_runs_start(self) -> None:
        suite, scheduled = builders.suite(), with_schedules(NIGHTLY)
        assert code_version(scheduled, "load_test") == code_version(suite, "load_test")


class TestTheFreshnessOfTheReport:
    def test_is_not_asked_for_where_nothing_is_scheduled(self) -> None:
        assert freshness(builders.suite()) is None
        assert freshness(with_schedules(NIGHTLY.model_copy(update={"enabled": False}))) is None

    def test_follows_the_schedule_that_comes_most_often(self) -> None:
        weekly = NIGHTLY.model_copy(update={"name": "weekly", "cron": "0 4 * * 6"})
        assert freshness(with_schedules(weekly, NIGHTLY)) == freshness(with_schedules(NIGHTLY))

    def test_forgives_the_longest_night_of_the_year(self) -> None:
        in_berlin = NIGHTLY.model_copy(update={"timezone": "Europe/Berlin"})
        policy, in_utc = freshness(with_schedules(in_berlin)), freshness(with_schedules(NIGHTLY))
        assert policy != in_utc
        assert isinstance(policy, FreshnessPolicy)


class TestTheLaunchpad:
    def test_offers_the_targets_and_profiles_of_the_suite(self) -> None:
        suite = load_suite(ROOT / "k6" / "multiplayer")
        schema = config_for(suite).to_config_schema().as_field().config_type
        target = schema.fields["target"].config_type  # type: ignore[attr-defined]
        assert [one.config_value for one in target.enum_values] == list(suite.targets)

    def test_takes_what_is_usual_where_nothing_is_said(self) -> None:
        suite = load_suite(ROOT / "k6" / "multiplayer")
        request = config_for(suite)().request(suite, launched_by="tests")
        assert (request.target, request.profile) == (suite.default_target, suite.default_profile)

    def test_refuses_a_name_that_the_suite_has_not(self) -> None:
        with pytest.raises(ValidationError):
            config_for(builders.suite())(target="moon")
