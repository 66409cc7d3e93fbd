"""Gives runs of the past what the dashboards read: samples per run, and records of the recording rules.

    python benchmarks/monitoring/afterwards.py --prometheus URL --home .perf-pipeline

for a Prometheus that holds k6's series of these runs but not ours: of before they existed, or of a Prometheus
without the rules. Samples come from each run's ``report.json``, by the pipeline's own functions; records from
the committed rule file, evaluated every 30 s at the time of the runs. That Prometheus needs
``storage.tsdb.out_of_order_time_window`` in its configuration, as long as the runs are old.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from perf_pipeline import conventions as names
from perf_pipeline.core.model import RunRecord
from perf_pipeline.core.run_samples import (
    SeriesSample,
    baseline_band,
    end_samples,
    ended,
    planned_rate_per_s,
    run_labels,
    running_samples,
    unix_ms,
)
from perf_pipeline.monitoring.k6_suite import PHASE_GAP_S
from perf_pipeline.monitoring.rules import rules_path
from perf_pipeline.monitoring.series import INTERVAL_S
from perf_pipeline.prometheus.remote_write import write_samples
from perf_pipeline.report.json_report import read_json
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).resolve().parents[2]
REPEAT = timedelta(seconds=15)  # of what the pipeline writes while a load runs
TIMEOUT_S = 60


def samples_of(
    record: RunRecord, others: Mapping[str, RunRecord], suite: Suite
) -> Iterator[list[SeriesSample]]:
    """As the pipeline would have written them, in order."""
    load, request = record.load, record.stack.request
    profile = suite.profiles[request.profile]
    baseline = record.comparison.baseline
    compared = [others[one] for one in (baseline.run_ids if baseline else []) if one in others]
    band = baseline_band([one.slo.endpoints for one in compared])
    planned_s = profile.warmup_s + PHASE_GAP_S + profile.duration_s
    at, running = load.started_at, list[SeriesSample]()
    while at < load.ended_at:
        elapsed_s = (at - load.started_at).total_seconds()
        running = running_samples(
            run_labels(record.stack.run_id, request),
            planned_rate_per_s=planned_rate_per_s(suite, profile, elapsed_s=elapsed_s, planned_s=planned_s),
            band=band,
            revision=load.revision_before,
            at_unix_ms=unix_ms(at),
        )
        yield running
        at += REPEAT
    yield ended(running, at_unix_ms=unix_ms(load.ended_at))
    accepted = record.baseline_sentence.startswith("entered")
    yield end_samples(record, accepted=accepted, invalid_of_last=0)


@dataclass
class Rules:
    """A rule file, evaluated from the outside: every result becomes a sample, what vanished ends."""

    url: str
    rules: list[dict[str, Any]]
    seen: dict[int, dict[Any, SeriesSample]] = field(default_factory=dict)

    def evaluate(self, at_s: int) -> None:
        for number, rule in enumerate(self.rules):
            now = {one.series: one for one in self._results(rule, at_s)}
            gone = ended(
                [one for key, one in self.seen.get(number, {}).items() if key not in now],
                at_unix_ms=at_s * 1000,
            )
            self.seen[number] = now
            write_samples(self.url, [*now.values(), *gone])

    def _results(self, rule: Mapping[str, Any], at_s: int) -> Iterator[SeriesSample]:
        asked = {"query": rule["expr"], "time": at_s}
        answer = httpx.post(f"{self.url}/api/v1/query", data=asked, timeout=TIMEOUT_S, trust_env=False).json()
        if answer["status"] != "success":
            raise SystemExit(f"{rule['record']}: {answer['error']}")
        for one in answer["data"]["result"]:
            value = float(one.get("value", (0, "NaN"))[1])
            if not math.isnan(value):
                labels = {name: text for name, text in one["metric"].items() if name != "__name__"}
                yield SeriesSample(
                    metric=rule["record"],
                    labels=labels | dict(rule.get("labels", {})),
                    value=value,
                    unix_ms=at_s * 1000,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--suite", default="multiplayer")
    options = parser.parse_args()
    url = options.prometheus.rstrip("/")
    suite = load_suite(ROOT / "k6" / options.suite)
    found = [read_json(file.read_text()) for file in options.home.glob(f"runs/*/{names.REPORT_JSON}")]
    records = {one.stack.run_id: one for one in sorted(found, key=lambda one: one.load.started_at)}
    for record in records.values():
        for samples in samples_of(record, records, suite):
            write_samples(url, samples)
        print(f"{record.stack.run_id} {record.outcome}")
    file = YAML(typ="safe").load((ROOT / rules_path(suite.name)).read_text())
    rules = Rules(url, [rule for group in file["groups"] for rule in group["rules"]])
    loads = [record.load for record in records.values()]
    first, last = min(one.started_at for one in loads), max(one.ended_at for one in loads)
    for at_s in range(int(first.timestamp()), int(last.timestamp()) + 4 * INTERVAL_S, INTERVAL_S):
        rules.evaluate(at_s)


if __name__ == "__main__":
    main()
