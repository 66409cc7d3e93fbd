"""What two real runs leave in their folders, one finished and one cancelled, and what it is good for."""

from __future__ import annotations

import json
import math
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster_parts as parts
import httpx
import pytest
from postgres import missing
from stack_parts import TOOLS

from perf_pipeline import conventions as names
from perf_pipeline.core.model import PrometheusSnapshot
from perf_pipeline.defs.values import read_value
from perf_pipeline.keeping import read_missing
from perf_pipeline.load.samples import load_samples
from perf_pipeline.load.script import script_hash
from perf_pipeline.monitoring.dashboards import ask
from perf_pipeline.monitoring.dashboards.reading import Question, questions
from perf_pipeline.prometheus.client import PrometheusClient
from perf_pipeline.prometheus.tsdb_snapshot import read_tsdb_info
from perf_pipeline.stack.replay import replayed
from perf_pipeline.suite_file import load_suite

RUN_TIMEOUT_S = 60
MOST_RUNS = 4

OF_EVERY_LOAD = {
    names.RAW_SAMPLES,
    names.SAMPLES,
    names.K6_LOG,
    names.K6_CONFIG,
    names.TOLD_SAMPLES,
    names.SUITE_COPY,
    names.VERSIONS,
    names.TSDB_FOLDER,
    names.TSDB_INFO,
    names.RUN_DASHBOARDS,
    names.EVENTS,
    names.MISSING,
    names.VALUES_FOLDER,
    "prometheus.log",
    "reference-backend.log",
    "control.log",
}
OF_A_MEASURED_ONE = {
    names.SNAPSHOT_SERIES,
    names.REPORT_HTML,
    names.REPORT_MARKDOWN,
    names.REPORT_JSON,
    names.REPORT_JUNIT,
    names.REPORT_COMPARISON,
}
# What a first run of seconds cannot show: it has no baseline, and no verdict of any endpoint.
OF_A_BASELINE = ("verdict", "change p50", "change p95", "noise p50", "noise p95", "judged")


@dataclass(frozen=True)
class Runs:
    root: Path
    finished: str
    cancelled: str

    def folder(self, run_id: str) -> Path:
        return self.root / "home" / "runs" / run_id


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The second one is cancelled in the middle of its load. On a busy machine the first may be invalid."""
    root = parts.with_quick_rules(parts.make_project(tmp_path_factory.mktemp("project")))
    for _ in range(MOST_RUNS):
        out, err = parts.start_run(root).communicate(timeout=RUN_TIMEOUT_S)
        first = _result(out, err)
        if first[1] == "SUCCESS":
            break
    else:
        missing("this machine is too busy for valid runs of five seconds")
    process = parts.start_run(root)
    for _ in range(3):  # one a second: then there are requests of the measured phase
        parts.wait_for_line(process, "progress measure")
    process.send_signal(signal.SIGINT)
    second = _result(*process.communicate(timeout=RUN_TIMEOUT_S))
    assert second[1] == "CANCELED"
    return Runs(root, first[0], second[0])


def _result(out: str, err: str) -> list[str]:
    """Id and status."""
    found = [line.split() for line in out.splitlines() if line.startswith("result ")]
    assert found, err[-2000:]
    return found[0][1:3]


@pytest.fixture(scope="module")
def prometheus(runs: Runs) -> Iterator[str]:
    """A fresh one on what the finished run has kept."""
    with replayed(runs.folder(runs.finished), home=runs.root / "home", tools=TOOLS) as (url, _):
        yield url


class TestAFinishedRun:
    def test_leaves_all_that_is_promised(self, runs: Runs) -> None:
        found = {one.name for one in runs.folder(runs.finished).iterdir()}
        assert found == OF_EVERY_LOAD | OF_A_MEASURED_ONE
        assert read_missing(runs.folder(runs.finished)) == {}

    def test_leaves_its_suite_as_a_project_that_can_be_run_again(self, runs: Runs) -> None:
        copy = load_suite(runs.folder(runs.finished) / names.SUITE_COPY / "k6" / parts.SUITE)
        assert script_hash(copy) == script_hash(load_suite(runs.root / "k6" / parts.SUITE))

    def test_opens_with_the_same_p95_of_every_endpoint_as_it_recorded(
        self, runs: Runs, prometheus: str
    ) -> None:
        info = read_tsdb_info(runs.folder(runs.finished))
        snapshot = read_value(runs.root / "home", runs.finished, "prometheus_snapshot", PrometheusSnapshot)
        assert snapshot is not None
        now = PrometheusClient(prometheus).by_endpoint(info.p95_s, info.ended_at)
        assert len(now) == 7
        recorded = {name: one.p95_ms for name, one in snapshot.figures.items()}
        assert {name: value * 1000.0 for name, value in now.items()} == pytest.approx(recorded, rel=1e-12)

    def test_leaves_dashboards_whose_every_query_it_answers_itself(self, runs: Runs, prometheus: str) -> None:
        files = sorted((runs.folder(runs.finished) / names.RUN_DASHBOARDS).iterdir())
        dashboards = [json.loads(file.read_text()) for file in files]
        asked = [(content, one) for content in dashboards for one in questions(content)]
        nothing = {
            (one.panel, _column(content, one))
            for content, one in asked
            if not _answer(prometheus, content, one)
        }
        expected = {
            (panel, name)
            for panel, name in nothing
            if name.startswith("baseline ") or (panel == "Endpoints" and name in OF_A_BASELINE)
        }
        assert len(asked) > 80
        assert nothing == expected

    def test_leaves_what_dagster_logged_of_it(self, runs: Runs) -> None:
        lines = (runs.folder(runs.finished) / names.EVENTS).read_text().splitlines()
        events = [json.loads(line) for line in lines]
        assert [one["step"].rpartition("__")[2] for one in events if one["event"] == "STEP_SUCCESS"] == [
            "monitoring_stack",
            "load_test",
            "prometheus_snapshot",
            "slo_report",
            "baseline_comparison",
            "run_report",
        ]
        assert any(one["message"].startswith("Kept Prometheus' record of the run: 1 block") for one in events)


class TestACancelledRun:
    def test_leaves_all_but_what_is_judged(self, runs: Runs) -> None:
        assert {one.name for one in runs.folder(runs.cancelled).iterdir()} == OF_EVERY_LOAD
        assert read_missing(runs.folder(runs.cancelled)) == {}

    def test_leaves_every_request_that_k6_had_written(self, runs: Runs) -> None:
        samples = load_samples(runs.folder(runs.cancelled))
        assert sum(len(one.ok) for one in samples.values()) > 20
        subprocess.run(
            ["gzip", "-t", runs.folder(runs.cancelled) / names.RAW_SAMPLES], check=True, timeout=30
        )

    def test_opens_and_tells_it_from_the_run_before_it(self, runs: Runs) -> None:
        folder = runs.folder(runs.cancelled)
        info = read_tsdb_info(folder)
        with replayed(folder, home=runs.root / "home", tools=TOOLS) as (url, _):
            assert len(PrometheusClient(url).by_endpoint(info.p95_s, info.ended_at)) == 7
            content = json.loads((folder / names.RUN_DASHBOARDS / f"{parts.SUITE}-run.json").read_text())
            (requests,) = [one for one in questions(content) if one.panel == "Requests"]
            (answer,) = _answer(url, content, requests)
        sent = sum(len(one.ok) for one in load_samples(folder).values())
        assert float(answer["value"][1]) == pytest.approx(sent, abs=8), "one game day may have been cut off"

    def test_leaves_how_it_ended(self, runs: Runs) -> None:
        events = [json.loads(line) for line in (runs.folder(runs.cancelled) / names.EVENTS).open()]
        failed = [one for one in events if one["event"] == "STEP_FAILURE"]
        assert [one["error"][0]["class"] for one in failed] == ["DagsterExecutionInterruptedError"]


def _column(content: dict[str, Any], one: Question) -> str:
    """Legend of a line, heading of a column."""
    if one.legend != "__auto":
        return one.legend
    (panel,) = [panel for panel in content["panels"] if panel["title"] == one.panel]
    for transformation in panel.get("transformations", []):
        renamed = transformation.get("options", {}).get("renameByName", {})
        if f"Value #{one.ref}" in renamed:
            return str(renamed[f"Value #{one.ref}"])
    return one.ref


def _answer(url: str, content: dict[str, Any], one: Question) -> list[dict[str, Any]]:
    """As Grafana would ask, which fills in the variables and knows the time from the dashboard itself."""
    start, end = (datetime.fromisoformat(content["time"][edge]).timestamp() for edge in ("from", "to"))
    values = {"__range": f"{math.ceil(end - start)}s", "__interval": "5s", "__rate_interval": "20s"}
    for variable in content["templating"]["list"]:
        chosen = variable.get("current", {}).get("value", "")
        values[variable["name"]] = ".*" if chosen in ("$__all", "") else chosen
    # Rules are evaluated every two seconds here, and the points of subqueries would miss a run of eight.
    query = one.filled(values).replace(f":{ask.EVALUATED}]", ":2s]")
    if one.instant:
        path, asked = "query", {"time": end}
    else:
        path, asked = "query_range", {"start": start, "end": end, "step": 5}
    answer = httpx.get(
        f"{url}/api/v1/{path}", params={"query": query, **asked}, timeout=30, trust_env=False
    ).json()
    assert answer["status"] == "success", answer
    return list(answer["data"]["result"])
