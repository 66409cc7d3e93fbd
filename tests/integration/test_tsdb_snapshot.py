"""Snapshots of a real Prometheus that holds a month, and fresh ones that open what was kept of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_parts import start_prometheus
from stack_parts import NOBODY, TOOLS

from perf_pipeline import conventions as names
from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.prometheus.remote_write import write_samples
from perf_pipeline.prometheus.tsdb_snapshot import (
    SNAPSHOTS,
    TsdbSnapshotError,
    Wanted,
    read_tsdb_info,
    take_tsdb_snapshot,
)
from perf_pipeline.stack.replay import replayed
from perf_pipeline.stack.tools import ENV_PROMETHEUS, find_or_install_prometheus

DAY = timedelta(days=1)
AGES_DAYS = (29, 20, 20.1, 3)
P95_S = 0.1 + 0.2


def oldest() -> Path:
    return find_or_install_prometheus(TOOLS)


def newest() -> Path:
    return Path(pytest.importorskip("prometheus35").binary())


@dataclass(frozen=True)
class Month:
    """A Prometheus with a run of now in memory, and runs of earlier days in blocks."""

    binary: Path
    url: str
    data: Path
    now: datetime

    def wanted(self, *, ago: timedelta = timedelta(0), lasting: timedelta = timedelta(minutes=2)) -> Wanted:
        ended = self.now - ago
        return Wanted(
            run_id="run-now",
            suite="small",
            metrics=["page_latency"],
            started_at=ended - lasting,
            ended_at=ended,
            prometheus_version="2.42.0",
        )


def at(url: str, query: str, moment: datetime) -> dict[str, float]:
    """``testid`` -> value."""
    asked = {"query": query, "time": f"{moment.timestamp():.3f}"}
    answer = httpx.get(f"{url}/api/v1/query", params=asked, timeout=10, trust_env=False).json()
    return {one["metric"]["testid"]: float(one["value"][1]) for one in answer["data"]["result"]}


@pytest.fixture(scope="module", params=[oldest, newest], ids=["2.42", "3.5"])
def month(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("prometheus")
    binary, data, now = request.param(), folder / "data", datetime.now(UTC)
    lines = [
        f'{names.RUN_LATENCY}{{testid="run-{days}",quantile="0.95"}} 1 {(now - days * DAY).timestamp():.3f}'
        for days in AGES_DAYS
    ]
    (folder / "past.txt").write_text("\n".join([*lines, "# EOF\n"]))
    subprocess.run(
        [
            binary.with_name("promtool"),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            folder / "past.txt",
            data,
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    with ExitStack() as until:
        url = start_prometheus(binary, folder, data, until, admin_api=True)
        labels = {names.TAG_TEST_ID: "run-now", "quantile": "0.95"}
        unix_ms = round(now.timestamp() * 1000)
        write_samples(
            url, [SeriesSample(metric=names.RUN_LATENCY, labels=labels, value=P95_S, unix_ms=unix_ms)]
        )
        yield Month(binary, url, data, now)


class TestASnapshot:
    def test_opens_in_a_fresh_prometheus_with_the_very_same_answer_and_no_other_day(
        self, month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ENV_PROMETHEUS, str(month.binary))
        info = take_tsdb_snapshot(month.url, data=month.data, run_folder=tmp_path, wanted=month.wanted())

        with replayed(tmp_path, home=tmp_path / "home", tools=TOOLS) as (url, _):
            assert at(url, names.RUN_LATENCY, month.now) == {"run-now": P95_S}
            assert at(url, f"last_over_time({names.RUN_LATENCY}[30d])", month.now) == {"run-now": P95_S}
        assert len(at(month.url, f"last_over_time({names.RUN_LATENCY}[30d])", month.now)) == 5
        assert [one.name for one in (tmp_path / names.TSDB_FOLDER).iterdir()] == [info.blocks[0].ulid]
        assert read_tsdb_info(tmp_path) == info

    def test_of_a_run_of_weeks_ago_is_not_too_old_for_a_fresh_prometheus(
        self, month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor if it spans more than Prometheus keeps by itself."""
        monkeypatch.setenv(ENV_PROMETHEUS, str(month.binary))
        wanted = month.wanted(lasting=29.5 * DAY)
        take_tsdb_snapshot(month.url, data=month.data, run_folder=tmp_path, wanted=wanted)

        with replayed(tmp_path, home=tmp_path / "home", tools=TOOLS) as (url, _):
            for days in AGES_DAYS:
                assert f"run-{days}" in at(url, names.RUN_LATENCY, month.now - days * DAY)

    def test_leaves_the_archive_as_it_was_when_it_is_opened(
        self, month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def files() -> dict[str, bytes]:
            return {str(one): one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}

        monkeypatch.setenv(ENV_PROMETHEUS, str(month.binary))
        take_tsdb_snapshot(month.url, data=month.data, run_folder=tmp_path, wanted=month.wanted())
        before = files()
        with replayed(tmp_path, home=tmp_path / "home", tools=TOOLS):
            pass
        assert files() == before

    def test_leaves_nothing_behind_and_nothing_of_one_that_was_killed(
        self, month: Month, tmp_path: Path
    ) -> None:
        left = month.data / SNAPSHOTS / "20260101T000000Z-dead" / "block"
        left.mkdir(parents=True)
        for _ in range(2):
            info = take_tsdb_snapshot(month.url, data=month.data, run_folder=tmp_path, wanted=month.wanted())
        assert not (month.data / SNAPSHOTS).exists()
        assert sorted(one.name for one in tmp_path.iterdir()) == [names.TSDB_FOLDER, names.TSDB_INFO]
        assert [one.name for one in (tmp_path / names.TSDB_FOLDER).iterdir()] == [info.blocks[0].ulid]


class TestNoSnapshot:
    def test_where_prometheus_holds_nothing_of_the_time(self, month: Month, tmp_path: Path) -> None:
        with pytest.raises(TsdbSnapshotError, match="Prometheus holds nothing of the time of this run"):
            take_tsdb_snapshot(
                month.url, data=month.data, run_folder=tmp_path, wanted=month.wanted(ago=10 * DAY)
            )
        assert list(tmp_path.iterdir()) == []
        assert not (month.data / SNAPSHOTS).exists()

    def test_where_the_admin_api_is_off(self, tmp_path: Path) -> None:
        now = datetime.now(UTC)
        wanted = Wanted("run-1", "small", [], now, now, "2.42.0")
        with ExitStack() as until:
            url = start_prometheus(oldest(), tmp_path, tmp_path / "data", until)
            with pytest.raises(TsdbSnapshotError, match=r"made no snapshot \(admin APIs disabled\)"):
                take_tsdb_snapshot(url, data=tmp_path / "data", run_folder=tmp_path / "run", wanted=wanted)

    def test_where_prometheus_has_gone_and_an_earlier_one_stays(self, month: Month, tmp_path: Path) -> None:
        take_tsdb_snapshot(month.url, data=month.data, run_folder=tmp_path, wanted=month.wanted())
        before = read_tsdb_info(tmp_path)
        started = time.monotonic()
        with pytest.raises(TsdbSnapshotError, match=f"Prometheus at {NOBODY} did not answer"):
            take_tsdb_snapshot(
                NOBODY,
                data=tmp_path / "data",
                run_folder=tmp_path,
                wanted=replace(month.wanted(), run_id="another"),
            )
        assert time.monotonic() - started < 5
        assert read_tsdb_info(tmp_path) == before
        assert (tmp_path / names.TSDB_FOLDER / before.blocks[0].ulid / "index").exists()
