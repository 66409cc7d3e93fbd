"""k6's raw samples: a small file written by hand, and what must be read out of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from perf_pipeline.load.errors import UnreadableError
from perf_pipeline.load.samples import ReadSamples, load_samples, read_csv, write_parquet
from perf_pipeline.load.script import script_hash
from perf_pipeline.load.stall import Spans, dropped_while_held, target_lost_at
from perf_pipeline.suite import Endpoint, Objectives, Suite

HEADER = (
    "metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,name,proto,"
    "scenario,service,status,subproto,tls_version,url,extra_tags,metadata"
)
T0 = 1_795_573_732_000


def row(
    metric: str,
    at: int,
    value: float,
    tags: str = "",
    *,
    status: int | str = "",
    code: int | str = "",
    scenario: str = "measure",
    error: str = "",
) -> str:
    """``at``: ms after T0. Run tags stand before and after ``tags``: k6 keeps no order."""
    extra = "&".join(part for part in ("testid=r1", tags, "suite=tiny") if part)
    return f"{metric},{T0 + at},{value:.6f},,{error},{code},,,GET,page,,{scenario},,{status},,,page,{extra},"


def request(
    endpoint: str,
    end: int,
    ms: float,
    *,
    ok: bool,
    status: int = 200,
    code: int | str = "",
    phase: str = "measure",
) -> list[str]:
    """The rows of one request as k6 and the scenario write them; of the nine http_* those that matter."""
    tags = f"endpoint={endpoint}&phase={phase}"
    verdict = [
        row(f"{endpoint}_latency" if ok else "api_error_duration", end, ms, tags, scenario=phase),
        row("request_failed", end, 0 if ok else 1, tags, scenario=phase),
    ]
    failed = [] if ok else [row("api_errors", end, 1, tags, scenario=phase)]
    return [
        row("http_reqs", end, 1, tags, status=status, code=code, scenario=phase),
        row("http_req_duration", end, ms, tags, status=status, code=code, scenario=phase),
        row("http_req_waiting", end, ms, tags, status=status, code=code, scenario=phase),
        *verdict,
        *failed,
    ]


def suite(folder: Path = Path("/suites/tiny")) -> Suite:
    def endpoint(name: str) -> Endpoint:
        return Endpoint(
            name=name,
            method="GET",
            path=f"/{name}",
            weight=1,
            metric=f"{name}_latency",
            record=name,
            slo=Objectives(p95_ms=300, error_ratio=0.01),
        )

    return Suite(
        name="tiny",
        description="",
        folder=folder,
        script="scenario.js",
        endpoints={name: endpoint(name) for name in ("page", "list", "never")},
        profiles={},
        targets={},
        allowed_origins=(),
    )


def read(folder: Path, rows: list[str]) -> ReadSamples:
    path = folder / "k6-samples.csv.gz"
    path.write_bytes(gzip.compress(("\n".join([HEADER, *rows]) + "\n").encode()))
    return read_csv(path, suite())


GOOD = [
    *request("page", -500, 9.0, ok=True, phase="warmup"),
    *request("page", 30, 30.0, ok=True),
    *request("list", 60, 50.0, ok=True),
    *request("page", 95, 45.0, ok=True),
    row("iterations", 95, 1, "phase=measure"),
    row("iterations", -500, 1, "phase=warmup", scenario="warmup"),
    row("vus", 96, 7, scenario=""),
]


class TestRequests:
    def test_start_when_they_ended_less_what_they_took(self, tmp_path: Path) -> None:
        samples = read(tmp_path, GOOD).samples
        assert samples["page"].t_ms.tolist() == [0.0, 50.0]
        assert samples["page"].duration_ms.tolist() == [30.0, 45.0]
        assert samples["list"].t_ms.tolist() == [10.0]
        assert samples["page"].ok.all()

    def test_of_the_warm_up_do_not_count(self, tmp_path: Path) -> None:
        one = read(tmp_path, GOOD)
        assert one.sent == {"page": 2, "list": 1, "never": 0}
        assert one.completed_iterations == 1
        assert one.measured_span == (T0, T0 + 95)
        assert one.last_sample_unix_ms == T0 + 96

    def test_survive_the_way_through_parquet(self, tmp_path: Path) -> None:
        one = read(tmp_path, GOOD)
        write_parquet(one, tmp_path)
        again = load_samples(tmp_path)
        assert list(again) == ["page", "list", "never"]
        for name, samples in one.samples.items():
            assert np.array_equal(again[name].t_ms, samples.t_ms)
            assert np.array_equal(again[name].duration_ms, samples.duration_ms)
            assert np.array_equal(again[name].ok, samples.ok)

    def test_of_a_run_that_sent_nothing_are_none(self, tmp_path: Path) -> None:
        one = read(tmp_path, [])
        assert one.measured_span is None
        assert one.sent == {"page": 0, "list": 0, "never": 0}
        assert len(one.samples["page"].ok) == 0


class TestFailures:
    def test_are_told_apart_by_what_went_wrong(self, tmp_path: Path) -> None:
        rows = [
            *request("page", 10, 5.0, ok=False, status=500, code=1500),
            *request("page", 20, 6.0, ok=False, status=503, code=1503),
            *request("page", 30, 7.0, ok=False, status=307),
            *request("page", 40, 8.0, ok=False, status=200),
            *request("page", 10050, 10000.0, ok=False, status=0, code=1050),
            *request("page", 60, 0.0, ok=False, status=0, code=1212),
            *request("page", 70, 0.0, ok=False, status=0, code=1212),
            *request("list", 80, 0.0, ok=False, status=0, code=1220),
            *request("list", 90, 0.0, ok=False, status=0, code=1101),
            *request("list", 95, 0.0, ok=False, status=0, code=1310),
            *request("list", 97, 0.0, ok=False, status=0, code=1110),
        ]
        one = read(tmp_path, rows)
        assert one.errors_by_kind == {
            "page": {
                "refused": 2,
                "status 307": 1,
                "status 500": 1,
                "status 503": 1,
                "timeout": 1,
                "unexpected answer": 1,
            },
            "list": {"blocked address": 1, "dns": 1, "reset": 1, "tls": 1},
        }
        assert not one.samples["page"].ok.any()

    def test_of_two_users_at_once_keep_their_own_kinds(self, tmp_path: Path) -> None:
        """Rows of concurrent requests interleave: both requests, then both verdicts in the other order."""
        first, second = (
            request("page", 10, 5.0, ok=False, status=500),
            request("page", 10, 6.0, ok=False, status=404),
        )
        rows = [*first[:3], *second[:3], *second[3:], *first[3:]]
        requests = read(tmp_path, rows).requests.sort("duration_ms")
        assert requests["status"].to_list() == [500, 404]

    def test_with_commas_in_their_text_are_read(self, tmp_path: Path) -> None:
        odd = row("http_reqs", 10, 1, "endpoint=page&phase=measure", status=0, error='"read: a, ""b"""')
        assert read(tmp_path, [odd]).sent["page"] == 1


class TestDroppedIterations:
    def test_belong_to_the_phase_of_their_scenario_because_k6_does_not_tag_them(self, tmp_path: Path) -> None:
        rows = [
            *GOOD,
            row("dropped_iterations", 50, 1, scenario="warmup"),
            row("dropped_iterations", 60, 1),
            row("dropped_iterations", 70, 2),
        ]
        one = read(tmp_path, rows)
        assert one.dropped_iterations == 3
        assert one.drop_times.tolist() == [T0 + 60, T0 + 70]


class TestAFileThatIsNotWhole:
    def test_is_read_as_far_as_it_goes(self, tmp_path: Path) -> None:
        rows = [line for n in range(5000) for line in request("page", 10 * n, 5 + n % 7 / 3, ok=True)]
        whole = gzip.compress(("\n".join([HEADER, *rows]) + "\n").encode())
        path = tmp_path / "k6-samples.csv.gz"
        path.write_bytes(whole[: len(whole) // 2])
        n = len(read_csv(path, suite()).samples["page"].ok)
        assert 1500 < n < 3500

    def test_but_empty_holds_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "k6-samples.csv.gz"
        path.write_bytes(b"")
        assert read_csv(path, suite()).sent["page"] == 0

    def test_or_is_no_file_of_k6_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "k6-samples.csv.gz"
        path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
        with pytest.raises(UnreadableError, match="is not a CSV of k6: it has no column error_code"):
            read_csv(path, suite())
        path.write_bytes(b"plain text")
        with pytest.raises(UnreadableError, match="cannot be read"):
            read_csv(path, suite())


def spans(*pairs: tuple[float, float]) -> Spans:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return Spans(table[:, 0], table[:, 1])


class TestUsersHeldByTheTarget:
    """Four users; drops at the x.

    user 1  |---------late--------|
    user 2       |------late------|
    user 3  |-in time-|
               x      x               x
    """

    LATE = spans((0, 2000), (500, 2000))

    def held(self, *drops: float, interrupted: int = 0) -> int:
        return dropped_while_held(
            drop_times=np.array(drops, dtype=np.float64),
            drop_counts=np.ones(len(drops)),
            late_requests=self.LATE,
            late_iterations=spans(),
            interrupted=interrupted,
            last_answer_unix_ms=2000.0,
            load_end_unix_ms=9000.0,
            max_users=4,
        )

    def test_are_at_least_half_of_all(self) -> None:
        assert self.held(300, 700, 3000) == 1

    def test_include_those_whose_requests_k6_interrupted(self) -> None:
        assert self.held(3000, 8999, interrupted=2) == 2
        assert self.held(3000, interrupted=1) == 0

    def test_are_seen_by_long_iterations_where_the_connection_never_came(self, tmp_path: Path) -> None:
        rows = [
            *request("page", 9000, 0.0, ok=False, status=0, code=1211),
            row("iteration_duration", 9000, 9000, "phase=measure"),
            row("iteration_duration", 9000, 200, "phase=measure"),
        ]
        one = read(tmp_path, rows)
        assert one.late_iterations.open_at(np.array([T0 + 5000.0])).tolist() == [1]

    def test_waited_longer_than_the_objective(self, tmp_path: Path) -> None:
        rows = [*request("page", 400, 299.0, ok=True), *request("page", 500, 301.0, ok=True)]
        one = read(tmp_path, rows)
        assert one.late_requests.open_at(np.array([T0 + 300.0])).tolist() == [1]


class TestATargetThatIsLost:
    """Times in ms; the load lasts from 0 to 10 s."""

    def lost(self, answered: list[float], unanswered: Spans, interrupted: int = 0) -> float | None:
        return target_lost_at(
            answered_end=np.array(answered, dtype=np.float64),
            unanswered=unanswered,
            interrupted=interrupted,
            load_start_unix_ms=0.0,
            load_end_unix_ms=10_000.0,
        )

    def test_answers_nothing_from_then_on(self) -> None:
        refused = spans(*((4000 + 100 * n, 4000 + 100 * n) for n in range(10)))
        assert self.lost([100, 3990], refused) == 4000

    def test_may_take_few_requests_if_they_last(self) -> None:
        assert self.lost([100], spans((200, 3200))) == 200
        assert self.lost([100], spans((200, 3100))) is None

    def test_is_not_one_that_came_back(self) -> None:
        refused = spans(*((4000 + 100 * n, 4000 + 100 * n) for n in range(10)))
        assert self.lost([100, 9000], refused) is None

    def test_is_not_one_that_left_a_slow_request_unanswered_at_the_end(self) -> None:
        assert self.lost([100, 9990], spans((9900, 19_900)), interrupted=1) is None

    def test_may_have_held_everybody_so_that_k6_interrupted_them(self) -> None:
        assert self.lost([100, 4000], spans(), interrupted=3) == 4000
        assert self.lost([100, 4000], spans()) is None


class TestTheHashOfTheScript:
    def test_changes_with_scenario_library_and_fixtures_but_not_with_the_plan(self, tmp_path: Path) -> None:
        folder = tmp_path / "k6" / "tiny"
        for name in ("tiny/scenario.js", "tiny/fixtures/users.json", "lib/client.js", "tiny/suite.json"):
            path = tmp_path / "k6" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("1")
        before = script_hash(suite(folder))
        (folder / "suite.json").write_text("2")
        (folder / "suite.yaml").write_text("2")
        (folder / "README.md").write_text("2")
        assert script_hash(suite(folder)) == before
        seen = {before}
        for name in ("tiny/scenario.js", "tiny/fixtures/users.json", "lib/client.js"):
            (tmp_path / "k6" / name).write_text("2")
            seen.add(script_hash(suite(folder)))
        assert len(seen) == 4
