"""The past of a suite: its runs from the store, searched by ``core.history``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from perf_pipeline.core.error_budget import QUARTER_DAYS, error_budget
from perf_pipeline.core.history import P50, P95, PastRun, suite_history
from perf_pipeline.core.history_model import Past, Spanned, SuiteHistory
from perf_pipeline.core.model import VALID, RunRecord
from perf_pipeline.store.baseline_sets import AUTOMATIC, PINNED
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import EndpointPoint, StoredBaseline
from perf_pipeline.suite import Suite

LATEST_RUNS = 300  # measured runs that are looked at: the oldest of a nightly run is ten months old
RUNS_OF_A_QUARTER = 5000
DECISIONS = 5000
ACCEPT = "accept"


def read_past(
    store: Store,
    suite: Suite,
    *,
    target: str,
    profile: str,
    now: datetime,
    fingerprint_key: str | None = None,
) -> Past:
    """Under ``fingerprint_key``, by default that of the newest valid run; nothing after ``now`` counts.

    Raises StoreError.
    """
    points = {
        name: [
            point
            for point in store.endpoint_history(suite.name, target, name, LATEST_RUNS, profile=profile)
            if point.outcome in VALID and point.started_at <= now
        ]
        for name in suite.endpoints
    }
    keys = _keys(points)
    key = fingerprint_key or (list(keys.values()) or [""])[-1]
    baselines = [
        one
        for one in store.baselines(suite=suite.name, target=target, profile=profile)
        if one.fingerprint_key == key
    ]
    runs = _runs(points, key)
    history = (
        suite_history(
            runs,
            fingerprint_key=key,
            pinned=_member_ids(baselines, PINNED),
            floors=dict.fromkeys((P50, P95), suite.verdict.floor_ratio),
        )
        if runs
        else None
    )
    since = now - timedelta(days=QUARTER_DAYS)
    stored = store.list_runs(
        suite=suite.name, target=target, profile=profile, since=since, limit=RUNS_OF_A_QUARTER
    )
    decisions = store.promotions(suite=suite.name, target=target, profile=profile, limit=DECISIONS)
    accepted = {run_id for one in decisions if one.action == ACCEPT for run_id in one.run_ids}
    return Past(
        suite=suite.name,
        target=target,
        profile=profile,
        history=history,
        other_runs=sum(other != key for other in keys.values()),
        other_fingerprints=sorted({other for other in keys.values() if other != key}),
        spanned=_spanned(history, _member_ids(baselines, AUTOMATIC)[-suite.baseline.keep :]),
        budget=error_budget([run for run in reversed(stored) if run.started_at <= now], accepted, since),
    )


def past_of(record: RunRecord, *, suite: Suite, store: Store) -> Past:
    """Of a stored run: under its fingerprint, up to its end. Raises StoreError."""
    fingerprint = record.load.fingerprint
    return read_past(
        store,
        suite,
        target=fingerprint.target,
        profile=fingerprint.profile,
        now=record.load.ended_at,
        fingerprint_key=fingerprint.key(),
    )


def _keys(points: Mapping[str, Sequence[EndpointPoint]]) -> dict[str, str]:
    """Run id -> fingerprint, oldest first."""
    every = [point for of_endpoint in points.values() for point in of_endpoint]
    every.sort(key=lambda point: (point.started_at, point.run_id))
    return {point.run_id: point.fingerprint_key or "" for point in every}


def _runs(points: Mapping[str, Sequence[EndpointPoint]], key: str) -> list[PastRun]:
    """Valid runs under one fingerprint, oldest first."""
    found: dict[str, dict[str, EndpointPoint]] = {}
    for name, of_endpoint in points.items():
        for point in of_endpoint:
            if point.fingerprint_key == key:
                found.setdefault(point.run_id, {})[name] = point
    runs = []
    for run_id, of_run in found.items():
        one = next(iter(of_run.values()))
        runs.append(
            PastRun(
                run_id=run_id,
                started_at=one.started_at,
                revision=one.revision,
                ms={name: {P50: point.p50_ms, P95: point.p95_ms} for name, point in of_run.items()},
            )
        )
    return sorted(runs, key=lambda run: (run.started_at, run.run_id))


def _member_ids(baselines: Sequence[StoredBaseline], mode: str) -> list[str]:
    """Runs of that baseline, oldest first; none of an automatic one that a pinned one overrides."""
    return [member.run_id for one in baselines if one.mode == mode and one.in_use for member in one.members]


def _spanned(history: SuiteHistory | None, members: Collection[str]) -> list[Spanned]:
    """The changes that the baseline spans."""
    found = []
    for endpoint in history.endpoints if history else []:
        for change in endpoint.changes:
            ids = [point.run_id for point in endpoint.points[change.quantile]]
            at = ids.index(change.run_id)
            before = sum(run_id in members for run_id in ids[:at])
            after = sum(run_id in members for run_id in ids[at:])
            if before and after:
                found.append(
                    Spanned(endpoint=endpoint.endpoint, change=change, runs_before=before, runs_after=after)
                )
    return found
