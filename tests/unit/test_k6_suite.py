"""What k6 is given: suite.json, the names it shares with Python, and the plan's hash."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from perf_pipeline import conventions
from perf_pipeline.core.control import control_requests
from perf_pipeline.core.fingerprint import plan_hash
from perf_pipeline.load.limits import check_caps
from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "tests" / "fixtures" / "suites" / "shop"
CONSTANT = re.compile(r"export const (\w+) = '([^']+)';")


@pytest.fixture
def multiplayer() -> Suite:
    return load_suite(ROOT / "k6" / "multiplayer")


def profile(suite: Suite, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(suite_json(suite))["profiles"][name]
    return found


class TestGeneratedFiles:
    def test_committed_files_are_up_to_date(self, multiplayer: Suite) -> None:
        for path, text in generated_files(multiplayer).items():
            assert (ROOT / path).read_text() == text, (
                f"{path} is stale; repair it with: perf-pipeline generate"
            )

    def test_the_second_suite_is_up_to_date_too(self) -> None:
        assert (SHOP / "suite.json").read_text() == suite_json(load_suite(SHOP))


class TestNamesInJavaScript:
    def test_are_those_of_the_conventions(self) -> None:
        names = dict(CONSTANT.findall((ROOT / "k6" / "lib" / "names.js").read_text()))
        assert names == {name: getattr(conventions, name, None) for name in names}
        assert {"TAG_ENDPOINT", "TAG_PHASE", "METRIC_ERRORS", "ENV_BASE_URL"} <= set(names)

    def test_are_spelt_once(self) -> None:
        tags = "|".join(
            re.escape(name) for name in ("api_errors", "api_error_duration", "request_failed", "PERF_")
        )
        for script in (ROOT / "k6" / "lib").glob("*.js"):
            if script.name != "names.js":
                assert not re.search(f"['\"`]({tags})", script.read_text()), script.name


class TestAFixedRate:
    def test_starts_as_many_iterations_as_planned(self, multiplayer: Suite) -> None:
        measure = profile(multiplayer, "standard")["scenarios"]["measure"]
        assert (measure["executor"], measure["rate"], measure["timeUnit"]) == (
            "constant-arrival-rate",
            5,
            "1s",
        )
        # 106 s less half an interval: iteration 530 would start at 106 s exactly, 529 starts before.
        assert measure["duration"] == "105900ms"

    def test_is_measured_after_the_warm_up_has_ended(self, multiplayer: Suite) -> None:
        scenarios = profile(multiplayer, "standard")["scenarios"]
        assert (scenarios["warmup"]["startTime"], scenarios["warmup"]["gracefulStop"]) == ("0s", "2s")
        assert scenarios["measure"]["startTime"] == "14s"
        assert [scenarios[name]["tags"] for name in scenarios] == [{"phase": "warmup"}, {"phase": "measure"}]

    def test_that_is_no_whole_number_gets_a_longer_time_unit(self, multiplayer: Suite) -> None:
        measure = profile(multiplayer, "soak")["scenarios"]["measure"]
        assert (measure["rate"], measure["timeUnit"]) == (35, "10s")

    def test_bounds_what_set_up_prepares(self, multiplayer: Suite) -> None:
        assert profile(multiplayer, "smoke")["max_iterations"] == (8 * 3 + 1) + (8 * 16 + 1)


class TestStages:
    def test_step_and_do_not_ramp(self) -> None:
        measure = profile(load_suite(SHOP), "steps")["scenarios"]["measure"]
        assert (measure["executor"], measure["startRate"], measure["timeUnit"]) == (
            "ramping-arrival-rate",
            100,
            "10s",
        )
        assert measure["stages"] == [
            {"target": 100, "duration": "1s"},
            {"target": 55, "duration": "0s"},
            {"target": 55, "duration": "2s"},
            {"target": 400, "duration": "0s"},
            {"target": 400, "duration": "1012ms"},
        ]


class TestFixedUsers:
    def test_are_bounded_by_their_pace(self, multiplayer: Suite) -> None:
        platform = profile(multiplayer, "platform")
        assert platform["scenarios"]["measure"]["executor"] == "constant-vus"
        assert platform["scenarios"]["measure"]["vus"] == 50
        assert (platform["measure_iterations"], platform["pace_s"]) == (None, 5)
        assert platform["max_iterations"] == 50 * (300 / 5 + 1) + 1 + 50 * (20 / 5 + 1) + 1


class TestTheControl:
    @pytest.mark.parametrize(
        ("name", "rate", "requests"),
        [
            ("smoke", 10, 160),
            ("standard", 5, 530),
            ("platform", 2, 600),
            ("stress", 1, 600),
            ("soak", 1, 3600),
        ],
    )
    def test_is_asked_about_as_often_as_an_endpoint_and_never_much(
        self, multiplayer: Suite, name: str, rate: int, requests: int
    ) -> None:
        measure = profile(multiplayer, name)["control"]["scenarios"]["control_measure"]
        assert (measure["executor"], measure["rate"], measure["timeUnit"]) == (
            "constant-arrival-rate",
            rate,
            "1s",
        )
        assert control_requests(multiplayer.profiles[name]) == requests

    def test_is_asked_between_the_iterations_of_the_same_phase(self, multiplayer: Suite) -> None:
        scenarios = profile(multiplayer, "standard")["control"]["scenarios"]
        assert [(one["startTime"], one["duration"]) for one in scenarios.values()] == [
            ("100ms", "11900ms"),
            ("14100ms", "105900ms"),
        ]

    def test_is_in_no_phase_that_is_counted(self, multiplayer: Suite) -> None:
        scenarios = profile(multiplayer, "standard")["control"]["scenarios"]
        assert set(scenarios) == {"control_warmup", "control_measure"}
        assert [one["tags"] for one in scenarios.values()] == [{"phase": "control"}] * 2


class TestThresholds:
    def test_are_the_objectives_of_the_measured_phase(self) -> None:
        endpoints = json.loads(suite_json(load_suite(SHOP)))["endpoints"]
        assert endpoints["list_products"]["thresholds"] == {
            "list_products_latency{phase:measure}": ["p(95)<=200", "p(50)<=100"],
            "request_failed{endpoint:list_products,phase:measure}": ["rate<=0.01"],
        }
        assert next(iter(endpoints["get_product"]["thresholds"])) == "product_page_latency{phase:measure}"


class TestTheBreaker:
    def test_waits_until_half_of_the_requests_cannot_be_one(self, multiplayer: Suite) -> None:
        assert profile(multiplayer, "standard")["breaker"] == {"error_ratio": 0.5, "delay": "54s"}


class TestProfilesOfMultiplayer:
    @pytest.mark.parametrize("name", ["standard", "stress", "soak"])
    def test_give_each_endpoint_samples_to_spare(self, multiplayer: Suite, name: str) -> None:
        planned = multiplayer.planned_requests(multiplayer.profiles[name])
        assert planned is not None
        assert min(planned.values()) >= 500

    def test_are_within_the_limits_of_the_local_target(self, multiplayer: Suite) -> None:
        local = multiplayer.targets["local"]
        for each in multiplayer.profiles.values():
            check_caps(multiplayer, local, each)


class TestPlanHash:
    def test_ignores_what_does_not_change_the_load(self, multiplayer: Suite) -> None:
        standard = multiplayer.profiles["standard"]
        renamed = standard.model_copy(update={"description": "other", "max_users": 60})
        assert plan_hash(multiplayer, renamed) == plan_hash(multiplayer, standard)

    @pytest.mark.parametrize("change", [{"weight": 0.5}, {"method": "POST"}, {"path": "/other"}])
    def test_changes_with_an_endpoint(self, multiplayer: Suite, change: dict[str, Any]) -> None:
        standard = multiplayer.profiles["standard"]
        endpoints = dict(multiplayer.endpoints)
        endpoints["get_news"] = endpoints["get_news"].model_copy(update=change)
        changed = multiplayer.model_copy(update={"endpoints": endpoints})
        assert plan_hash(changed, standard) != plan_hash(multiplayer, standard)

    def test_differs_between_profiles(self, multiplayer: Suite) -> None:
        hashes = {plan_hash(multiplayer, each) for each in multiplayer.profiles.values()}
        assert len(hashes) == len(multiplayer.profiles)
