"""A store full of made-up runs: a known history without a request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from builders import ENDPOINTS, STARTED, endpoint_slo, fingerprint, slo_report
from store_parts import POLICY, measured, saved

from perf_pipeline.core.baseline import BaselineDecision
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import Fingerprint, Outcome, RunRecord
from perf_pipeline.store.repository import Store

OWN, COMMON = 0.03, 0.1  # standard deviations in log, of an endpoint and of all of them


def nightly(
    number: int,
    *,
    slower: Mapping[str, float] | None = None,
    outcome: Outcome = Outcome.PASSED,
    under: Fingerprint | None = None,
    first: datetime = STARTED,
    prefix: str = "night",
) -> RunRecord:
    """The run of night ``number``, counted from ``first``. ``slower``: endpoint -> factor on its latency."""
    rng = np.random.default_rng([17, number])
    machine = COMMON * rng.standard_normal()
    endpoints = []
    for place, name in enumerate(ENDPOINTS, start=1):
        ms = 10.0 * place * (slower or {}).get(name, 1.0)
        p50, p95 = (
            ms * k * float(np.exp(machine + s * rng.standard_normal())) for k, s in ((1, OWN), (2, 2.5 * OWN))
        )
        endpoints.append(endpoint_slo(name, p50_ms=p50, p95_ms=p95))
    verdicts = {name: Verdict.REGRESSED for name in (slower or {}) if outcome is Outcome.REGRESSED}
    record = measured(
        f"{prefix}-{number:03}",
        started_at=first + timedelta(days=number),
        outcome=outcome,
        under=under or fingerprint(),
        verdicts=verdicts,
    )
    report = slo_report(run_id=record.stack.run_id, endpoints=endpoints)
    return record.model_copy(update={"slo": report})


def keep(store: Store, record: RunRecord, *, enters: bool = True) -> None:
    """Save a run, and let it into the automatic baseline."""
    saved(store, record)
    if enters:
        run_id = record.stack.run_id
        decision = BaselineDecision(enter=True, sentence="entered the baseline", run_ids=[run_id])
        store.apply_decision(decision, run_id=run_id, policy=POLICY, at=record.load.ended_at)
