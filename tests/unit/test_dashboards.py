"""Grafana's dashboards: what every panel must have, what Grafana must understand, what each one shows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from dagster import MetadataValue
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from perf_pipeline import conventions as names
from perf_pipeline.core.model import Outcome, RunReport
from perf_pipeline.defs.metadata import of_report
from perf_pipeline.monitoring.dashboards import dashboard_files
from perf_pipeline.monitoring.dashboards.reading import panels, questions
from perf_pipeline.monitoring.links import run_dashboard_url
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).parents[2]
SUITES = {
    "multiplayer": ROOT / "k6" / "multiplayer",
    "shop": ROOT / "tests" / "fixtures" / "suites" / "shop",
}
KINDS = ("benchmark", "run", "trend", "pipeline-health")
# Of Grafana itself, beside a dashboard's own variables.
GRAFANAS_OWN = {"__range", "__interval", "__rate_interval"}

Content = dict[str, Any]


def dashboards(suite: Suite) -> dict[str, Content]:
    """Kind -> dashboard."""
    files = {Path(path).stem: json.loads(text) for path, text in dashboard_files(suite).items()}
    return {name.removeprefix(f"{suite.name}-"): content for name, content in files.items()}


@pytest.fixture(scope="module", params=sorted(SUITES))
def suite(request: pytest.FixtureRequest) -> Suite:
    return load_suite(SUITES[request.param])


@pytest.fixture(params=KINDS)
def dashboard(request: pytest.FixtureRequest, suite: Suite) -> Content:
    return dashboards(suite)[request.param]


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Every key with its path, so that one that is lost has a name."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield f"{path}.{key}"
            yield from keys(inside, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from keys(inside, f"{path}[{number}]")


class TestGrafanasOwnTypes:
    def test_lose_no_key_of_a_dashboard(self, dashboard: Content) -> None:
        register_default_plugins()
        again = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
        assert set(keys(dashboard)) - set(keys(again)) == set()

    def test_would_lose_a_misspelt_key(self, suite: Suite) -> None:
        content = dashboards(suite)["run"]
        next(panels(content))["fieldConfig"]["defaults"]["untis"] = "ms"
        register_default_plugins()
        again = json.loads(json.dumps(Dashboard.from_json(content), cls=JSONEncoder))
        assert [key for key in set(keys(content)) - set(keys(again)) if key.endswith(".untis")]


class TestEveryDashboard:
    def test_is_found_by_a_stable_uid(self, suite: Suite) -> None:
        uids = {kind: content["uid"] for kind, content in dashboards(suite).items()}
        assert uids == {
            "benchmark": f"perf-{suite.name}-benchmark",
            "run": f"perf-{suite.name}-run",
            "trend": f"perf-{suite.name}-trend",
            "pipeline-health": "pipeline-health",
        }

    def test_is_classic_and_says_who_made_it(self, dashboard: Content) -> None:
        assert dashboard["schemaVersion"] == 42
        assert "perf-pipeline generate" in dashboard["description"]
        assert dashboard["editable"] is False

    def test_reads_the_provisioned_data_source_and_no_other(self, dashboard: Content) -> None:
        wanted = {"type": "prometheus", "uid": names.GRAFANA_DATASOURCE}
        sources = [panel["datasource"] for panel in panels(dashboard)]
        sources += [target["datasource"] for panel in panels(dashboard) for target in panel["targets"]]
        sources += [one["datasource"] for one in dashboard["annotations"]["list"]]
        sources += [one["target"]["datasource"] for one in dashboard["annotations"]["list"]]
        sources += [one["datasource"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
        assert [source for source in sources if source != wanted] == []

    def test_asks_with_variables_that_it_has(self, dashboard: Content) -> None:
        known = {one["name"] for one in dashboard["templating"]["list"]} | GRAFANAS_OWN
        for question in questions(dashboard):
            assert "$" not in question.filled(dict.fromkeys(known, "x")).replace('"$1"', ""), question.panel

    def test_is_the_same_text_every_time(self, suite: Suite) -> None:
        assert dashboard_files(suite) == dashboard_files(suite)


class TestEveryPanel:
    def test_says_what_it_shows_and_in_which_unit(self, dashboard: Content) -> None:
        for panel in panels(dashboard):
            assert panel["title"], panel["id"]
            assert len(panel["description"]) > 20, panel["title"]
            assert panel["description"].endswith((".", "?")), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]

    def test_has_an_id_and_queries_of_its_own(self, dashboard: Content) -> None:
        ids = Counter(panel["id"] for panel in dashboard["panels"])
        assert [number for number, times in ids.items() if times > 1] == []
        for panel in panels(dashboard):
            refs = [target["refId"] for target in panel["targets"]]
            assert refs, panel["title"]
            assert len(set(refs)) == len(refs), panel["title"]

    def test_covers_no_other(self, dashboard: Content) -> None:
        for one, other in combinations(dashboard["panels"], 2):
            a, b = one["gridPos"], other["gridPos"]
            apart = (
                a["x"] + a["w"] <= b["x"]
                or b["x"] + b["w"] <= a["x"]
                or a["y"] + a["h"] <= b["y"]
                or b["y"] + b["h"] <= a["y"]
            )
            assert apart, f"{one['title']} and {other['title']}"
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in dashboard["panels"])

    def test_names_the_columns_of_a_table_by_what_is_asked(self, dashboard: Content) -> None:
        for panel in panels(dashboard):
            if panel["type"] == "table":
                organized = panel["transformations"][-1]["options"]
                asked = {f"Value #{target['refId']}" for target in panel["targets"]}
                assert {name for name in organized["renameByName"] if name.startswith("Value")} == asked
                shown = set(organized["renameByName"].values())
                assert {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} == shown


class TestLinks:
    def test_lead_to_dashboards_that_exist(self, suite: Suite) -> None:
        found = dashboards(suite)
        uids = {content["uid"] for content in found.values()}
        for kind, content in found.items():
            inside = [one["url"] for one in content["links"] if one["url"].startswith("/d/")]
            assert {url.removeprefix("/d/") for url in inside} <= uids
            if kind != "pipeline-health":
                assert len(inside) == 3, kind

    def test_lead_from_a_run_to_dagster(self, suite: Suite) -> None:
        urls = [one["url"] for one in dashboards(suite)["run"]["links"]]
        assert "http://127.0.0.1:3000/runs/$testid" in urls

    def test_open_a_run_at_its_own_time(self, suite: Suite) -> None:
        for kind in ("trend", "pipeline-health"):
            text = json.dumps(dashboards(suite)[kind])
            assert "from=${__data.fields.start.numeric}&to=${__data.fields.stop.numeric}" in text


class TestTheLinkOfADagsterRun:
    def test_opens_the_runs_dashboard_around_its_load(self) -> None:
        url = run_dashboard_url(
            "http://127.0.0.1:3001/",
            suite="multiplayer",
            run_id="0b7e",
            started_at=datetime(2026, 1, 1, 12, 0, tzinfo=UTC),
            ended_at=datetime(2026, 1, 1, 12, 2, tzinfo=UTC),
        )
        assert url == (
            "http://127.0.0.1:3001/d/perf-multiplayer-run?var-testid=0b7e&from=1767268785000&to=1767268935000"
        )

    def test_is_shown_when_it_is_known_where_grafana_is(self, tmp_path: Path) -> None:
        (tmp_path / "report.md").write_text("# passed")
        report = RunReport(
            run_id="0b7e",
            outcome=Outcome.PASSED,
            sentence="passed: all well",
            html="report.html",
            markdown=str(tmp_path / "report.md"),
            json_file="report.json",
            baseline_sentence="entered the baseline",
        )
        assert of_report(report, dashboard="http://g/d/x")["grafana"] == MetadataValue.url("http://g/d/x")
        assert "grafana" not in of_report(report, dashboard=None)


class TestTheBenchmark:
    def test_draws_each_endpoints_own_objective(self, suite: Suite) -> None:
        by_title = {panel["title"]: panel for panel in panels(dashboards(suite)["benchmark"])}
        for endpoint in suite.endpoints.values():
            exprs = [target["expr"] for target in by_title[endpoint.name]["targets"]]
            assert f"vector({endpoint.slo.p95_ms:g})" in exprs
            assert (endpoint.slo.p50_ms is not None) == (len(exprs) == 4)

    def test_shows_grey_tiles_for_endpoints_without_data(self, suite: Suite) -> None:
        tiles = next(panels(dashboards(suite)["benchmark"]))
        (target,) = tiles["targets"]
        for name in suite.endpoints:
            assert f'label_replace(vector(-1), "endpoint", "{name}", "", "")' in target["expr"]
        words = tiles["fieldConfig"]["defaults"]["mappings"][0]["options"]
        assert {value: word["text"] for value, word in words.items()} == {
            "1": "met",
            "0": "breached",
            "-1": "no data",
        }


class TestTheRun:
    def test_finds_rates_that_only_the_suite_knows(self, suite: Suite) -> None:
        by_title = {panel["title"]: panel for panel in panels(dashboards(suite)["run"])}
        (target,) = by_title["The suite's own rates"]["targets"]
        assert "k6_.+_rate" in target["expr"]

    def test_knows_no_name_of_another_suite(self) -> None:
        text = "".join(dashboard_files(load_suite(SUITES["shop"])).values())
        for word in ("join_room", "leaderboard", "multiplayer"):
            assert word not in text


class TestPipelineHealth:
    def test_is_the_same_whichever_suite_makes_it(self) -> None:
        texts = {
            text
            for folder in SUITES.values()
            for path, text in dashboard_files(load_suite(folder)).items()
            if path.endswith("pipeline-health.json")
        }
        assert len(texts) == 1
