"""Every query of every dashboard, asked of a real Prometheus that holds two real runs of a real pipeline."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import prometheus35
import pytest
from dagster_parts import PROFILE, SOURCE, SUITE, make_project, start_run, with_quick_rules
from postgres import missing
from stack_parts import TOOLS

from perf_pipeline import conventions as names
from perf_pipeline import ports
from perf_pipeline.core.model import LoadResult
from perf_pipeline.defs.values import read_value
from perf_pipeline.monitoring.dashboards import ask, dashboard_files
from perf_pipeline.monitoring.dashboards.reading import Question, questions
from perf_pipeline.stack import prometheus_server
from perf_pipeline.stack.prometheus_server import Prometheus
from perf_pipeline.stack.servers import start_server
from perf_pipeline.stack.tools import find_or_install_prometheus
from perf_pipeline.suite_file import load_suite

RUN_TIMEOUT_S = 60
WANTED_RUNS, MOST_RUNS = 2, 6
PROMTOOL_TIMEOUT_S = 30
# Dashboards see every evaluation of the rules: at full and half minutes they would miss runs of 8 s.
USUAL_STEP, QUICK_STEP = f":{ask.EVALUATED}]", ":2s]"

# Queries that find nothing in these two runs, and why that is right.
EMPTY = {
    ("Disk", "log"): "Prometheus 2.42 does not tell the size of its log",
    ("Endpoints", "H"): "change of p95: no p95 is compared with the 40 requests of a run of five seconds",
    ("Endpoints", "I"): "noise of p95: likewise",
}


def _name(question: Question) -> str:
    """Legend of a line, letter of a column."""
    return question.ref if question.legend == "__auto" else question.legend


def _values(span_s: float, *, suite: str, profile: str, run_id: str) -> dict[str, str]:
    """What Grafana would fill in."""
    return {
        "__range": f"{math.ceil(span_s)}s",
        "__interval": "5s",
        "__rate_interval": "20s",
        "target": "local",
        "endpoint": ".*",
        "suite": suite,
        "profile": profile,
        "testid": run_id,
    }


@dataclass(frozen=True)
class Recorded:
    """A Prometheus, and the time and the last run that it holds."""

    url: str
    started: float
    ended: float
    loads: list[LoadResult]  # oldest first

    @property
    def load(self) -> LoadResult:
        return self.loads[-1]

    @property
    def run_id(self) -> str:
        return self.load.run_id

    def ask(self, question: Question) -> list[dict[str, Any]]:
        values = _values(self.ended - self.started, suite=".*", profile=PROFILE, run_id=self.run_id)
        query = question.filled(values).replace(USUAL_STEP, QUICK_STEP)
        if question.instant:
            return self._get("query", query=query, time=self.ended)
        return self._get("query_range", query=query, start=self.started, end=self.ended, step=5)

    def values_of(self, variable: Mapping[str, Any]) -> list[str]:
        """What a query variable offers: ``label_values(series, label)``."""
        series, label = variable["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
        return self._get(f"label/{label}/values", "data", **{"match[]": series, "start": self.started})

    def _get(self, path: str, *_: str, **asked: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=asked, timeout=30, trust_env=False).json()
        assert answer["status"] == "success", f"{asked}: {answer.get('error')}"
        data = answer["data"]
        return data["result"] if isinstance(data, dict) else data


@pytest.fixture(scope="module")
def dashboards(project: Path) -> dict[str, dict[str, Any]]:
    suite = load_suite(project / "k6" / SUITE)
    return {Path(path).stem: json.loads(text) for path, text in dashboard_files(suite).items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny suite with its own rules, evaluated every two seconds."""
    return with_quick_rules(make_project(tmp_path_factory.mktemp("project")))


@dataclass(frozen=True)
class Runs:
    data: Path  # of the Prometheus that was there during the runs
    started: float
    ended: float
    loads: list[LoadResult]


@pytest.fixture(scope="module")
def runs(project: Path) -> Runs:
    """Two good ones, so that the second one has a baseline. On a busy machine a run may be invalid."""
    home, started = project / "home", time.time()
    loads: list[LoadResult] = []
    good = 0
    while good < WANTED_RUNS:
        if len(loads) == MOST_RUNS:
            missing("this machine is too busy for valid runs of five seconds")
        said, problem = start_run(project).communicate(timeout=RUN_TIMEOUT_S)
        result = [line.split() for line in said.splitlines() if line.startswith("result ")]
        assert result, problem[-2000:]
        loads.append(read_value(home, result[0][1], "load_test", LoadResult))
        good += result[0][2] == "SUCCESS"
    return Runs(home / "prometheus" / "data", started, time.time(), loads)


def programs(version: str) -> Path:
    return find_or_install_prometheus(TOOLS) if version == "system" else prometheus35.binary()


@pytest.fixture(scope="module", params=["system", "3.5"])
def recorded(
    request: pytest.FixtureRequest, runs: Runs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    """A Prometheus of its own on a copy of the data."""
    home = tmp_path_factory.mktemp("prometheus")
    data = shutil.copytree(runs.data, home / "data", ignore=shutil.ignore_patterns("lock"))
    config = home / "prometheus.yml"
    config.write_text("")
    address = f"{ports.LOOPBACK}:{ports.choose_port(9090)}"
    with ExitStack() as until:
        server = start_server(
            prometheus_server.arguments(programs(request.param), config=config, data=data, address=address),
            title="Prometheus",
            failure="prometheus_failed",
            home=home,
            log=home / "prometheus.log",
            until=until,
        )
        prometheus = Prometheus(f"http://{address}")
        server.wait_until(prometheus.is_ready, 30)
        yield Recorded(prometheus.url, runs.started, runs.ended, runs.loads)


class TestEveryQuery:
    def test_finds_what_its_panel_shows(
        self, recorded: Recorded, dashboards: dict[str, dict[str, Any]]
    ) -> None:
        asked = [(file, one) for file, content in dashboards.items() for one in questions(content)]
        nothing = {(one.panel, _name(one)) for _, one in asked if not recorded.ask(one)}
        assert len(asked) > 150
        assert nothing <= set(EMPTY), nothing - set(EMPTY)

    def test_counts_exactly(self, recorded: Recorded, dashboards: dict[str, dict[str, Any]]) -> None:
        def value(file: str, panel: str, ref: str = "A") -> list[float]:
            (one,) = [q for q in questions(dashboards[file]) if (q.panel, q.ref) == (panel, ref)]
            return [float(series["value"][1]) for series in recorded.ask(one)]

        exact = sum(one.sent for one in recorded.load.counts.values())
        assert value(f"{SUITE}-run", "Requests") == [exact]
        assert value(f"{SUITE}-run", "Failed requests") == [0]
        assert value(f"{SUITE}-run", "Objectives breached") == [0]
        # All runs are within the shown time.
        columns = [one for one in questions(dashboards[f"{SUITE}-benchmark"]) if one.panel == "Performance"]
        requests = {one["metric"]["endpoint"]: float(one["value"][1]) for one in recorded.ask(columns[-1])}
        assert requests == {
            name: sum(load.counts[name].sent for load in recorded.loads) for name in recorded.load.counts
        }
        met = {one["metric"]["endpoint"]: one["value"][1] for one in recorded.ask(columns[0])}
        assert met == dict.fromkeys(recorded.load.counts, "1")

    def test_of_a_variable_offers_the_runs(
        self, recorded: Recorded, dashboards: dict[str, dict[str, Any]]
    ) -> None:
        (run,) = [one for one in dashboards[f"{SUITE}-run"]["templating"]["list"] if one["type"] == "query"]
        (suite,) = dashboards[names.PIPELINE_HEALTH]["templating"]["list"]
        assert recorded.run_id in recorded.values_of(run)
        assert recorded.values_of(suite) == [SUITE]


@pytest.mark.parametrize("version", ["system", "3.5"])
class TestTheSecondSuite:
    def test_asks_what_prometheus_understands(self, version: str, tmp_path: Path) -> None:
        suite = load_suite(SOURCE / "tests" / "fixtures" / "suites" / "shop")
        asked = [one for text in dashboard_files(suite).values() for one in questions(json.loads(text))]
        values = _values(60, suite="shop", profile="smoke", run_id="run-1")
        rules = [
            {"record": f"query_{number}", "expr": one.filled(values)} for number, one in enumerate(asked)
        ]
        file = tmp_path / "queries.yml"
        file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))
        said = _promtool(version, "check", "rules", "--lint=none", file)
        assert f"{len(asked)} rules found" in said


class TestTheMarkOfADeploy:
    """Runs of three minutes, one sample a minute; r1 r1 r2 r1, an hour apart."""

    RUNS = """
r1  1 1 1 _x57 1 1 1 _x117     1 1 1 _x60
r2             _x120      1 1 1
"""

    def test_is_a_revision_that_was_not_the_last_one(self, tmp_path: Path) -> None:
        info = f'{names.RUN_TARGET_INFO}{{suite="s"}}'
        lines = [line.split(maxsplit=1) for line in self.RUNS.strip().splitlines()]
        series = [
            {
                "series": f'{names.RUN_TARGET_INFO}{{suite="s",target="local",revision="{revision}"}}',
                "values": values,
            }
            for revision, values in lines
        ]

        def marks(minute: int, *revisions: str) -> dict[str, Any]:
            found = [{"labels": f'{{target="local",revision="{one}"}}', "value": 1} for one in revisions]
            return {"expr": ask.deploys(info), "eval_time": f"{minute}m", "exp_samples": found}

        expected = [
            marks(1, "r1"),  # the first revision ever
            marks(30),
            marks(61),  # the same again
            marks(121, "r2"),
            marks(150),
            marks(181, "r1"),  # back to the old one
            marks(200),
        ]
        test = {"evaluation_interval": "1m", "tests": [{"interval": "1m", "input_series": series}]}
        test["tests"][0]["promql_expr_test"] = expected
        file = tmp_path / "deploys.yml"
        file.write_text(json.dumps(test))
        assert "SUCCESS" in _promtool("system", "test", "rules", file)


def _promtool(version: str, *arguments: str | Path) -> str:
    promtool = programs(version).with_name("promtool")
    done = subprocess.run(
        [promtool, *arguments], capture_output=True, text=True, timeout=PROMTOOL_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
