"""The dashboards that a run leaves: its own time, its own id, and nothing that only one Grafana knows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import builders
import pytest

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.dashboards import dashboard_files
from perf_pipeline.monitoring.dashboards.baked import ShownRun, baked_dashboards
from perf_pipeline.monitoring.dashboards.reading import questions

RUN = ShownRun(builders.RUN_ID, "local", builders.STARTED, builders.STARTED + timedelta(seconds=120))
GRAFANAS_OWN = {"__range", "__interval", "__rate_interval"}


@pytest.fixture(scope="module")
def baked() -> dict[str, dict[str, Any]]:
    files = baked_dashboards(builders.suite(), RUN)
    return {name: json.loads(text) for name, text in files.items()}


def variables(content: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in content["templating"]["list"]}


class TestTheDashboardsOfARun:
    def test_are_the_suites_benchmark_and_run(self, baked: dict[str, Any]) -> None:
        assert list(baked) == ["multiplayer-benchmark.json", "multiplayer-run.json"]

    def test_show_the_time_of_its_load_and_do_not_move_on(self, baked: dict[str, Any]) -> None:
        for content in baked.values():
            assert content["time"] == {"from": "2026-11-20T12:00:00.000Z", "to": "2026-11-20T12:02:45.000Z"}
            assert content["refresh"] == ""

    def test_leave_no_other_run_and_no_other_target_to_choose(self, baked: dict[str, Any]) -> None:
        for name, file, value in (
            ("testid", "multiplayer-run.json", builders.RUN_ID),
            ("target", "multiplayer-benchmark.json", "local"),
        ):
            variable = variables(baked[file])[name]
            assert variable["type"] == "custom"
            assert [one["value"] for one in variable["options"]] == [value]
            assert variable["current"]["value"] == variable["query"] == value

    def test_ask_nothing_that_grafana_or_their_own_variables_do_not_fill_in(
        self, baked: dict[str, Any]
    ) -> None:
        for content in baked.values():
            known = dict.fromkeys([*GRAFANAS_OWN, *variables(content)], "x")
            asked = [one.filled(known) for one in questions(content)]
            assert len(asked) > 20

    def test_ask_of_the_run_alone_or_of_its_target(self, baked: dict[str, Any]) -> None:
        for name, own in (("multiplayer-run.json", "$testid"), ("multiplayer-benchmark.json", "$target")):
            asked = [one.expr for one in questions(baked[name])]
            assert [expr for expr in asked if own not in expr and not expr.startswith("vector(")] == []

    def test_ask_the_same_as_the_suites_own(self, baked: dict[str, Any]) -> None:
        own = dashboard_files(builders.suite())
        for name, content in baked.items():
            original = json.loads(own[f"{names.DASHBOARDS_FOLDER}/{name}"])
            assert list(questions(content)) == list(questions(original))

    def test_take_the_grafanas_own_prometheus(self, baked: dict[str, Any]) -> None:
        for content in baked.values():
            assert names.GRAFANA_DATASOURCE not in json.dumps(content)
            assert variables(content)["datasource"]["query"] == "prometheus"

    def test_replace_no_other_dashboard_and_lead_to_each_other(self, baked: dict[str, Any]) -> None:
        uids = {content["uid"] for content in baked.values()}
        assert len(uids) == 2
        assert not uids & {names.dashboard_uid("multiplayer", kind) for kind in (names.RUN, names.BENCHMARK)}
        assert all(len(uid) <= names.GRAFANA_UID_LENGTH for uid in uids)
        inside = [
            one["url"] for content in baked.values() for one in content["links"] if one["url"][0] == "/"
        ]
        assert sorted(inside) == sorted(f"/d/{uid}" for uid in uids)

    def test_of_two_runs_have_two_addresses(self) -> None:
        other = ShownRun(builders.RUN_ID.replace("1", "7"), "local", RUN.started_at, RUN.ended_at)
        texts = [*baked_dashboards(builders.suite(), RUN).values()]
        texts += baked_dashboards(builders.suite(), other).values()
        assert len({json.loads(text)["uid"] for text in texts}) == 4
