"""Prometheus' rules as text. What they compute is tested by promtool and by real runs (tests/integration)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from perf_pipeline.conventions import latency_record, slo_record
from perf_pipeline.monitoring.alerts import alerting_rules
from perf_pipeline.monitoring.promql import aggregate, call, duration, grouped
from perf_pipeline.monitoring.rules import colliding_records, recording_rules
from perf_pipeline.suite import Schedule, Suite
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "tests" / "fixtures" / "suites" / "shop"
HANDBOOK = {
    "slo:join_room:p95_under_300ms",
    "slo:get_state:p95_under_200ms",
    "slo:leaderboard:p95_under_400ms",
    "slo:get_news:p95_under_300ms",
    "slo:recommendations:p95_under_400ms",
    "slo:game_data:p95_under_500ms",
    "slo:update_player:p95_under_300ms",
}


@pytest.fixture
def shop() -> Suite:
    return load_suite(SHOP)


@pytest.fixture
def multiplayer() -> Suite:
    return load_suite(ROOT / "k6" / "multiplayer")


def rules(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = YAML(typ="safe").load(text)["groups"][0]["rules"]
    return found


def with_objective(suite: Suite, endpoint: str, **slo: float) -> Suite:
    changed = suite.endpoints[endpoint]
    changed = changed.model_copy(update={"slo": changed.slo.model_copy(update=slo)})
    return suite.model_copy(update={"endpoints": suite.endpoints | {endpoint: changed}})


def scheduled(suite: Suite, cron: str) -> Suite:
    schedule = Schedule(name="nightly", cron=cron, timezone="UTC", profile="smoke", enabled=True)
    targets = {
        name: each.model_copy(update={"schedules": (schedule,)}) for name, each in suite.targets.items()
    }
    return suite.model_copy(update={"targets": targets})


class TestTheRulesOfAShop:
    def test_are_these(self, shop: Suite) -> None:
        assert recording_rules(shop) == (SHOP / "shop.rules.yml").read_text()

    def test_and_its_alerts_are_these(self, shop: Suite) -> None:
        assert alerting_rules(shop) == (SHOP / "shop.alerts.yml").read_text()

    def test_name_nothing_of_another_suite(self, shop: Suite, multiplayer: Suite) -> None:
        text = recording_rules(shop) + alerting_rules(shop)
        assert not [name for name in multiplayer.endpoints if name in text]

    def test_read_no_series_of_another_suite(self, shop: Suite) -> None:
        for rule in rules(recording_rules(shop)):
            for selector in re.findall(r"\{([^}]*)\}", rule["expr"]):
                assert 'suite="shop"' in selector, rule


class TestTheHandbooksNames:
    def test_are_all_recorded(self, multiplayer: Suite) -> None:
        recorded = {rule["record"] for rule in rules(recording_rules(multiplayer))}
        assert recorded >= HANDBOOK
        assert recorded >= {f"{name}_latency:{p}" for name in multiplayer.endpoints for p in ("p50", "p95")}
        assert recorded >= {f"http_{kind}_rate:by_endpoint" for kind in ("req", "success", "error")}
        assert recorded >= {"http_reqs", "http_req_duration", "http_req_failed", "slo:met"}

    def test_are_recorded_once_per_set_of_labels(self, multiplayer: Suite) -> None:
        found = [
            (rule["record"], *rule.get("labels", {}).items()) for rule in rules(recording_rules(multiplayer))
        ]
        assert len(found) == len(set(found))


class TestOneChangedObjective:
    def test_renames_its_record_and_keeps_the_stable_names(self, shop: Suite) -> None:
        before = {rule["record"] for rule in rules(recording_rules(shop))}
        changed = with_objective(shop, "place_order", p95_ms=450)
        after = {rule["record"] for rule in rules(recording_rules(changed))}
        assert before - after == {"slo:place_order:p95_under_400ms"}
        assert after - before == {"slo:place_order:p95_under_450ms"}


class TestRecordsWithoutLabels:
    def test_of_two_suites_must_differ(self, shop: Suite) -> None:
        other = shop.model_copy(update={"name": "other"})
        assert colliding_records([shop, other])[0] == (
            "the suites shop and other would both write slo:list_products:p95_under_200ms, which has no "
            "label to tell them apart: give endpoints.list_products of other another 'record'."
        )

    def test_do_differ_here(self, shop: Suite, multiplayer: Suite) -> None:
        assert colliding_records([shop, multiplayer]) == []

    def test_may_have_an_objective_of_less_than_a_millisecond(self) -> None:
        assert slo_record("ping", 0.25) == "slo:ping:p95_under_0_25ms"
        assert slo_record("ping", 1500.0) == "slo:ping:p95_under_1500ms"
        assert latency_record("ping_latency", 95) == "ping_latency:p95"


class TestAlerts:
    def test_say_what_to_do_and_where_to_look(self, multiplayer: Suite) -> None:
        runbook = (ROOT / "docs" / "runbook.md").read_text()
        for alert in rules(alerting_rules(scheduled(multiplayer, "0 4 * * *"))):
            assert set(alert["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
            assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{alert['alert'].lower()}"
            assert f"\n## {alert['alert']}\n" in runbook

    def test_miss_nothing_where_nothing_is_scheduled(self, shop: Suite) -> None:
        assert "BenchmarkMissing" not in alerting_rules(shop)

    def test_wait_for_the_longest_time_between_two_runs_and_two_hours(self, shop: Suite) -> None:
        missing = rules(alerting_rules(scheduled(shop, "0 4 * * 1-5")))[-1]
        assert (missing["alert"], missing["for"]) == ("BenchmarkMissing", "2h")
        assert "[3d]" in missing["expr"]  # from Friday to Monday

    def test_name_the_schedule_that_missed_and_none_that_is_off(self, shop: Suite) -> None:
        nightly = Schedule(name="nightly", cron="0 4 * * *", timezone="UTC", profile="smoke", enabled=True)
        weekly = nightly.model_copy(update={"name": "weekly", "cron": "0 4 * * 1"})
        off = nightly.model_copy(update={"name": "monthly", "enabled": False})
        target = shop.targets["local"].model_copy(update={"schedules": (nightly, weekly, off)})
        suite = shop.model_copy(update={"targets": {"local": target}})
        missing = [one for one in rules(alerting_rules(suite)) if one["alert"] == "BenchmarkMissing"]
        assert [one["labels"]["schedule"] for one in missing] == ["nightly", "weekly"]
        assert "by schedule weekly" in missing[1]["annotations"]["summary"]

    def test_keep_a_result_until_the_next_run_is_overdue(self, shop: Suite) -> None:
        assert "[26h]" in alerting_rules(shop)
        assert "[170h]" in alerting_rules(scheduled(shop, "0 4 * * 1"))


class TestExpressions:
    def test_of_one_line_stay_on_it(self) -> None:
        assert aggregate("topk", "up", by=("job",), take=1) == "topk by (job) (1, up)"
        assert call("histogram_quantile", 0.95, "x") == "histogram_quantile(0.95, x)"

    def test_of_several_lines_are_indented(self) -> None:
        assert grouped("a\nor b") == "(\n  a\n  or b\n)"

    @pytest.mark.parametrize(("seconds", "text"), [(30, "30s"), (60, "1m"), (90, "90s"), (93600, "26h")])
    def test_write_durations_in_one_unit(self, seconds: int, text: str) -> None:
        assert duration(seconds) == text
