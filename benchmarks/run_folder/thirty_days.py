"""What a snapshot costs when Prometheus holds a month of runs: time, and bytes in the run's folder.

    python benchmarks/run_folder/thirty_days.py [--runs-a-day 24] [--in-memory 40]

Makes a data folder of 30 days by promtool (blocks of two hours, as Prometheus writes them), opens it as the
embedded Prometheus does, writes the newest runs into its memory, and takes a snapshot for the last one.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.ports import LOOPBACK, free_port
from perf_pipeline.prometheus.remote_write import write_samples
from perf_pipeline.prometheus.tsdb_snapshot import Wanted, take_tsdb_snapshot
from perf_pipeline.stack.prometheus_server import Prometheus, arguments
from perf_pipeline.stack.replay import replayed
from perf_pipeline.stack.servers import start_server
from perf_pipeline.stack.tools import find_or_install_prometheus

SERIES = 745  # of one smoke run of the multiplayer suite, as its snapshot counts them
SAMPLES = 20  # of each, a second apart
DAYS = 30
BATCH = 5_000  # samples in one remote write
SOURCE = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs-a-day", type=int, default=24)
    parser.add_argument("--in-memory", type=int, default=40)
    given = parser.parse_args()
    prometheus = find_or_install_prometheus(SOURCE / ".tools")
    with tempfile.TemporaryDirectory(prefix="thirty-days-") as scratch, ExitStack() as until:
        folder = Path(scratch)
        data, now = folder / "data", datetime.now(UTC)
        started = time.monotonic()
        for day in range(DAYS, 0, -1):  # promtool reads its whole input once per block
            with (folder / "past.txt").open("w") as file:
                file.writelines(past(now - timedelta(days=day), given.runs_a_day))
            command = [prometheus.with_name("promtool"), "tsdb", "create-blocks-from", "openmetrics"]
            subprocess.run([*command, folder / "past.txt", data], check=True, capture_output=True)
        runs = DAYS * given.runs_a_day
        print(f"{runs} runs of {DAYS} days made in {time.monotonic() - started:.0f} s: {described(data)}")

        url = start(prometheus, folder, data, until)
        ended = write_newest(url, given.in_memory)
        print(f"{given.in_memory} runs in memory; Prometheus holds {described(data)}")
        for place in ("first", "again", "once more"):
            run = folder / place
            wanted = Wanted(
                f"new-{given.in_memory - 1}", "many", ["page"], ended - timedelta(seconds=SAMPLES), ended, "?"
            )
            before = time.monotonic()
            info = take_tsdb_snapshot(url, data=data, run_folder=run, wanted=wanted)
            print(
                f"snapshot, {place}: {time.monotonic() - before:.2f} s, {len(info.blocks)} block(s), "
                f"{info.size_bytes / 1e6:.2f} MB kept"
            )
        before = time.monotonic()
        with replayed(folder / "first", home=folder / "home", tools=SOURCE / ".tools") as (again, _):
            asked = {"query": f'count({{testid="{wanted.run_id}"}})', "time": f"{ended.timestamp():.3f}"}
            answer = httpx.get(f"{again}/api/v1/query", params=asked, trust_env=False).json()
            found = answer["data"]["result"][0]["value"][1]
        print(f"opened in a fresh Prometheus in {time.monotonic() - before:.2f} s: {found} series of the run")


def past(day: datetime, runs_a_day: int) -> Iterator[str]:
    """The runs of 24 hours. OpenMetrics wants the samples of a series together."""
    for run in range(runs_a_day):
        at = (day + run * timedelta(days=1) / runs_a_day).timestamp()
        for series in range(SERIES):
            labels = f'testid="run-{day:%d}-{run}",endpoint="endpoint-{series % 7}",series="{series}"'
            yield "".join(f"perf{{{labels}}} {series + s} {at + s:.3f}\n" for s in range(SAMPLES))
    yield "# EOF\n"


def start(prometheus: Path, folder: Path, data: Path, until: ExitStack) -> str:
    address = f"{LOOPBACK}:{free_port()}"
    config = folder / "prometheus.yml"
    config.write_text("{}\n")
    server = start_server(
        arguments(prometheus, config=config, data=data, address=address, admin_api=True),
        title="Prometheus",
        failure="prometheus_failed",
        home=folder,
        log=folder / "prometheus.log",
        until=until,
    )
    running = Prometheus(f"http://{address}")
    server.wait_until(running.is_ready, 60)
    return running.url


def write_newest(url: str, runs: int) -> datetime:
    """End of the last one."""
    ended = datetime.now(UTC)
    last_ms = round(ended.timestamp() * 1000)
    for run in range(runs):
        start_ms = last_ms - (runs - 1 - run) * 60_000 - SAMPLES * 1000
        samples = [
            SeriesSample(
                metric="perf",
                labels={"testid": f"new-{run}", "endpoint": f"endpoint-{series % 7}", "series": str(series)},
                value=float(series + second),
                unix_ms=start_ms + (second + 1) * 1000,
            )
            for second in range(SAMPLES)
            for series in range(SERIES)
        ]
        for first in range(0, len(samples), BATCH):
            write_samples(url, samples[first : first + BATCH])
    return ended


def described(data: Path) -> str:
    blocks = list(data.glob("*/meta.json"))
    size = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
    return f"{len(blocks)} blocks, {size / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
