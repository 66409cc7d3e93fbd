"""What the generated monitoring costs: rules, series, bytes, and k6's native histograms.

``python -m benchmarks.monitoring.cost`` runs, for 7, 50 and 200 endpoints, a real k6 at the same request rate
against a tiny server, with Prometheus evaluating the generated rules; once with native histograms, once
without. About 12 minutes. Prints the tables of COST.md.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil

from benchmarks.monitoring.cost_suite import PROFILE, REQUESTS_PER_S, answering, make_suite
from perf_pipeline.core.judgement import EndpointVerdict, Verdict
from perf_pipeline.core.model import EndpointSlo, Outcome, RunRequest, SloStatus
from perf_pipeline.core.run_samples import baseline_band, end_samples, run_labels, running_samples
from perf_pipeline.load.command import build_command
from perf_pipeline.load.probe import K6, find_k6, probe
from perf_pipeline.ports import free_port
from perf_pipeline.prometheus.remote_write import write_samples
from perf_pipeline.stack.prometheus_server import Prometheus, arguments
from perf_pipeline.stack.servers import Server, start_server
from perf_pipeline.stack.tools import find_or_install_prometheus
from perf_pipeline.suite import Suite

_DURATION = re.compile(
    r'^prometheus_rule_group_last_duration_seconds\{rule_group="[^"]*;([^"]+)"\} (\S+)', re.M
)
NO_HISTOGRAMS = {
    "K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM": "false",
    "K6_FEATURES": "",
    "K6_PROMETHEUS_RW_TREND_STATS": "p(50),p(95),count",
}


@dataclass
class Cost:
    """One run. Memory in MiB, times in seconds."""

    endpoints: int
    native: bool
    k6: str
    prometheus: str
    rules: int = 0
    k6_peak_mib: float = 0
    k6_cpu_s: float = 0
    prometheus_cpu_s: float = 0
    prometheus_mib: float = 0
    evaluation_s: list[float] = field(default_factory=list)  # all groups of the suite, one per look
    series: dict[str, int] = field(default_factory=dict)
    block_bytes: int = 0  # of the run and its records, compacted
    wal_bytes: int = 0
    requests: int = 0


def measure(*, endpoints: int, seconds: int, native: bool, k6: K6, binary: Path) -> Cost:
    with tempfile.TemporaryDirectory(prefix="cost-") as folder, answering() as target, ExitStack() as until:
        root = Path(folder)
        suite = make_suite(root, endpoints, target, seconds)
        prometheus, server = _start_prometheus(binary, root, until)
        cost = Cost(endpoints, native, str(k6), prometheus.version())
        of_prometheus = psutil.Process(server.pid)
        cpu_before = _cpu_s(of_prometheus)
        with _running_k6(suite, prometheus.url, root, k6, native) as process:
            _watch(process, prometheus, cost)
        _tell_as_the_pipeline_does(suite, prometheus.url)
        cost.prometheus_cpu_s = _cpu_s(of_prometheus) - cpu_before
        cost.prometheus_mib = of_prometheus.memory_info().rss / 2**20
        cost.rules = len(re.findall(r"^ +- (?:record|alert):", _rule_texts(root), re.M))
        cost.series = _series(prometheus.url)
        cost.requests = int(
            _value(prometheus.url, 'sum(last_over_time(k6_http_reqs_total{phase="measure"}[15m]))')
        )
        cost.wal_bytes = _size(root / "data" / "wal")
        httpx.post(
            f"{prometheus.url}/api/v1/admin/tsdb/snapshot", timeout=60, trust_env=False
        ).raise_for_status()
        cost.block_bytes = _size(root / "data" / "snapshots")
        return cost


def _start_prometheus(binary: Path, root: Path, until: ExitStack) -> tuple[Prometheus, Server]:
    address = f"127.0.0.1:{free_port()}"
    config = root / "prometheus.yml"
    # Nothing is scraped: what is stored is the run's.
    config.write_text(f"rule_files: ['{root}/monitoring/prometheus/rules/*.yml']\n")
    command = arguments(binary, config=config, data=root / "data", address=address)
    server = start_server(
        [*command, "--web.enable-admin-api"],
        title="Prometheus",
        failure="prometheus_failed",
        home=root,
        log=root / "prometheus.log",
        until=until,
    )
    prometheus = Prometheus(f"http://{address}")
    server.wait_until(prometheus.is_ready, 30)
    return prometheus, server


@contextmanager
def _running_k6(suite: Suite, url: str, root: Path, k6: K6, native: bool) -> Iterator[psutil.Popen]:
    config = root / "k6.json"
    config.write_text("{}\n")
    command = build_command(
        k6=k6,
        suite=suite,
        target=suite.targets["local"],
        profile=suite.profiles[PROFILE],
        run_id="cost",
        run_folder=root,
        base_url=str(suite.targets["local"].base_url),
        prometheus_url=url,
        config=config,
        blocked_ips=[],
        environment=os.environ,
        api_address=None,
    )
    env = command.env | ({} if native else NO_HISTOGRAMS)
    with (root / "k6.log").open("wb") as log:
        process = psutil.Popen(command.argv, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
            assert process.wait(60) == 0, (root / "k6.log").read_text()[-2000:]
        finally:
            if process.is_running():
                process.kill()


def _watch(process: psutil.Popen, prometheus: Prometheus, cost: Cost) -> None:
    looked = time.monotonic()
    while process.poll() is None:
        try:
            cost.k6_peak_mib = max(cost.k6_peak_mib, process.memory_info().rss / 2**20)
            cost.k6_cpu_s = _cpu_s(process)
        except psutil.Error:
            break
        if time.monotonic() - looked > 15:
            looked = time.monotonic()
            said = httpx.get(f"{prometheus.url}/metrics", timeout=10, trust_env=False).text
            cost.evaluation_s.append(sum(float(seconds) for _, seconds in _DURATION.findall(said)))
        time.sleep(0.2)


def _tell_as_the_pipeline_does(suite: Suite, url: str) -> None:
    request = RunRequest(suite=suite.name, target="local", profile=PROFILE)
    now = datetime.now(UTC)
    figures = [_slo(name) for name in suite.endpoints]
    band = baseline_band([figures])
    running = running_samples(
        run_labels("cost", request),
        planned_rate_per_s=REQUESTS_PER_S,
        band=band,
        revision="1",
        at_unix_ms=round(now.timestamp() * 1000),
    )
    verdicts = {name: _verdict(name) for name in suite.endpoints}
    record: Any = SimpleNamespace(
        stack=SimpleNamespace(run_id="cost", request=request),
        load=SimpleNamespace(started_at=now, ended_at=now),
        slo=SimpleNamespace(valid=True, endpoints=figures),
        comparison=SimpleNamespace(judgement=SimpleNamespace(endpoints=verdicts)),
        outcome=Outcome.PASSED,
    )
    write_samples(url, running)
    write_samples(url, end_samples(record, accepted=True, invalid_of_last=0))


def _slo(name: str) -> EndpointSlo:
    return EndpointSlo(
        endpoint=name,
        status=SloStatus.MET,
        requests=500,
        failed=0,
        error_ratio=0,
        p50_ms=3.1,
        p95_ms=9.7,
        p50_objective_ms=None,
        p95_objective_ms=300,
        error_objective_ratio=0.01,
        headroom_ratio=0.9,
        prometheus_p95_ms=9.7,
        achieved_per_s=5,
        sentence="",
    )


def _verdict(name: str) -> EndpointVerdict:
    effect: Any = SimpleNamespace(noise_ratio=0.041, ratio=1.013)
    return EndpointVerdict.model_construct(
        endpoint=name, verdict=Verdict.UNCHANGED, sentence="", p50=effect, p95=effect
    )


def _series(url: str) -> dict[str, int]:
    """Per run (they carry its id), and those that stay the same from run to run."""
    counted = {
        "k6": '{__name__=~"k6_.+"}',
        "perf_run": '{__name__=~"perf_run_.+"}',
        "records with the run's id": '{__name__!~"(k6|perf_run)_.+",testid!=""}',
        "records without": '{__name__=~".+",__name__!~"(k6|perf_run|ALERTS).*",testid=""}',
    }
    return {
        what: int(_value(url, f"count(last_over_time({series}[15m]))")) for what, series in counted.items()
    }


def _value(url: str, query: str) -> float:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=30, trust_env=False).json()
    assert answer["status"] == "success", answer
    found = answer["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _rule_texts(root: Path) -> str:
    return "".join(file.read_text() for file in (root / "monitoring").rglob("*.yml"))


def _report(costs: list[Cost]) -> None:
    print(
        "| endpoints | Prometheus | rules | evaluation, median (longest) | series: k6 + perf_run "
        "+ records of the run | records that stay | bytes in a block "
        "| bytes in the log | Prometheus CPU, memory |"
    )
    print("| --: | --- | --: | --: | --: | --: | --: | --: | --: |")
    for one in (cost for cost in costs if cost.native):
        late = one.evaluation_s[len(one.evaluation_s) // 2 :] or [0.0]
        counts = list(one.series.values())
        print(
            f"| {one.endpoints} | {one.prometheus} | {one.rules} | {statistics.median(late) * 1000:.0f} ms "
            f"({max(one.evaluation_s, default=0) * 1000:.0f} ms) | {counts[0]} + {counts[1]} + {counts[2]} "
            f"| {counts[3]} | {one.block_bytes:,} | {one.wal_bytes:,} "
            f"| {one.prometheus_cpu_s:.1f} s, {one.prometheus_mib:.0f} MiB |"
        )
    print("\n| endpoints | k6 | histograms | requests | k6 peak memory | k6 CPU | k6 series | block |")
    print("| --: | --: | --- | --: | --: | --: | --: | --: |")
    for one in costs:
        histograms = "native" if one.native else "p50, p95, count"
        print(
            f"| {one.endpoints} | {one.k6} | {histograms} | {one.requests:,} "
            f"| {one.k6_peak_mib:.0f} MiB | {one.k6_cpu_s:.1f} s | {one.series['k6']} | {one.block_bytes:,} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=int, nargs="+", default=[7, 50, 200])
    parser.add_argument("--seconds", type=int, default=100)
    parser.add_argument("--prometheus", type=Path)
    parser.add_argument("--k6", type=Path, nargs="*", help="more k6, measured with the fewest endpoints")
    parser.add_argument("--only-native", action="store_true", help="leave out the runs without histograms")
    given = parser.parse_args()
    kinds = (True,) if given.only_native else (True, False)
    binary = given.prometheus or find_or_install_prometheus(Path(".tools").resolve())
    plan = [(count, native, find_k6()) for count in given.endpoints for native in kinds]
    plan += [
        (min(given.endpoints), native, probe(path)) for path in given.k6 or () for native in (True, False)
    ]
    costs = []
    for count, native, k6 in plan:
        costs.append(measure(endpoints=count, seconds=given.seconds, native=native, k6=k6, binary=binary))
        print(costs[-1], flush=True)
    _report(costs)


if __name__ == "__main__":
    main()
