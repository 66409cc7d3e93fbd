"""The runs of a series that came before one: which are judged with it, and why others are not."""

from __future__ import annotations

from dataclasses import dataclass

from perf_pipeline.core.model import VALID, LoadResult, RunRequest
from perf_pipeline.store.repository import Store
from perf_pipeline.store.series import loads_of
from perf_pipeline.store.values import StoredRun


@dataclass(frozen=True)
class Earlier:
    """``run_ids``: oldest first; ``left_out``: one sentence for each that does not count."""

    run_ids: list[str]
    left_out: list[str]


def earlier_runs(store: Store, run: StoredRun, load: LoadResult) -> Earlier:
    """Those of ``run``'s series that began before it. Raises StoreError."""
    revision = load.revision_after or load.revision_before or run.revision
    counting, left_out = [], []
    for one in before(store, run):
        why = _why_not(store, one, load, revision)
        if why:
            left_out.append(f"run {one.run_id} does not count: {why}")
        else:
            counting.append(one.run_id)
    return Earlier(counting, left_out)


def before(store: Store, run: StoredRun) -> list[StoredRun]:
    """The runs of a series that began before one of it, oldest first. Raises StoreError."""
    return [one for one in store.series(run.series) if one.started_at < run.started_at]


def loads_until(store: Store, run: StoredRun) -> int:
    """How often the series had sent load when this run of it, which did, was over. Raises StoreError."""
    return len(loads_of(before(store, run))) + 1


def next_request(run: StoredRun, *, launched_by: str) -> RunRequest | None:
    """The run that ``run`` asks for: of the same revision, or it is not ready. None: it asks for none."""
    if not run.asks:
        return None
    return RunRequest(
        suite=run.suite,
        target=run.target,
        profile=run.profile,
        revision=run.revision,
        note=run.note,
        launched_by=launched_by,
        confirms=run.series,
        follow_up=run.follow_up,
        deploy=run.deploy,
    )


def _why_not(store: Store, one: StoredRun, load: LoadResult, revision: str | None) -> str:
    """Why it cannot be judged with the run of ``load``; empty: it can."""
    if one.outcome not in VALID:
        return f"it is {one.outcome.value}" if one.outcome else "it is still running"
    if one.fingerprint_key != load.fingerprint.key():
        other = store.record(one.run_id).load.fingerprint
        return "; ".join(load.fingerprint.differences(other))
    if one.revision != revision:
        return f"revision {revision or 'unknown'} here, {one.revision or 'unknown'} there"
    return ""
