"""Runs for the tests of the store: good ones, each with one thing changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from builders import (
    STARTED,
    comparison,
    effect,
    endpoint_verdict,
    fingerprint,
    judgement,
    load_result,
    run_record,
    slo_report,
    stack_state,
)

from perf_pipeline.core.baseline import baseline_decision
from perf_pipeline.core.judgement import CommonEffect, Direction, Judgement, Series, Verdict
from perf_pipeline.core.model import Fingerprint, Outcome, RunRecord, RunRequest
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import BaselinePolicy, VerdictSettings

POLICY = BaselinePolicy()
HOST = "bench-1"


def at(minute: float) -> datetime:
    return STARTED + timedelta(minutes=minute)


def measured(
    run_id: str,
    *,
    started_at: datetime = STARTED,
    verdicts: dict[str, Verdict] | None = None,
    outcome: Outcome = Outcome.PASSED,
    under: Fingerprint | None = None,
    judged: Judgement | None = None,
) -> RunRecord:
    """The record of a run; ``verdicts``: endpoints that are not unchanged. ``judged``: instead of them."""
    under = under or fingerprint()
    return run_record(
        stack=stack_state(
            run_id=run_id,
            request=RunRequest(
                suite=under.suite, target=under.target, profile=under.profile, launched_by="tests"
            ),
        ),
        load=load_result(
            run_id=run_id, fingerprint=under, started_at=started_at, revision_after=f"rev-of-{run_id}"
        ),
        slo=slo_report(run_id=run_id, valid=outcome is not Outcome.INVALID),
        comparison=comparison(verdicts, run_id=run_id, **({"judgement": judged} if judged else {})),
        outcome=outcome,
    )


def undecided(endpoint: str, ratio: float, leaning: Direction | None = None) -> Judgement:
    """One endpoint is inconclusive, with this p50."""
    one = endpoint_verdict(endpoint, Verdict.INCONCLUSIVE, p50=effect(ratio), leaning=leaning)
    return judgement().model_copy(update={"endpoints": judgement().endpoints | {endpoint: one}})


def together(ratio: float, stands: Direction | None) -> Judgement:
    """All endpoints changed by this factor."""
    return judgement(common=CommonEffect(p50_ratio=ratio, p95_ratio=ratio, sentence="all", stands=stands))


def begun(store: Store, run_id: str, minute: float = 0, **overrides: Any) -> None:
    good: dict[str, Any] = {
        "run_id": run_id,
        "request": RunRequest(
            suite="multiplayer", target="local", profile="standard", launched_by="tests", note="nightly"
        ),
        "run_folder": f"/runs/{run_id}",
        "owner_pid": 4711,
        "owner_started": 1_700_000_000.25,
        "host": HOST,
        "at": at(minute),
    }
    store.begin_run(**(good | overrides))


def saved(store: Store, record: RunRecord) -> None:
    """Begun and measured, as the pipeline does it."""
    begun(store, record.stack.run_id, request=record.stack.request, at=record.load.started_at)
    store.save_record(record, record.load.ended_at)


def ran(
    store: Store,
    run_id: str,
    minute: float,
    verdicts: dict[str, Verdict] | None = None,
    *,
    confirms: str | None = None,
    asks: str = "",
    **more: Any,
) -> str:
    """A run from begin to the policy's decision about the baseline; returns the sentence.

    ``confirms``: the first run of its series; the runs of that which are stored are judged with it.
    """
    record = measured(run_id, started_at=at(minute), verdicts=verdicts, **more)
    if confirms is not None:
        record = _confirming(record, confirms, [run.run_id for run in store.series(confirms)])
    record = record.model_copy(update={"asks": asks})
    saved(store, record)
    decision = baseline_decision(
        policy=POLICY,
        settings=VerdictSettings(),
        slo=record.slo,
        comparison=record.comparison,
        outcome=record.outcome,
        asks=asks,
        waiting=store.waiting(
            record.load.fingerprint,
            before=store.find_run(confirms or run_id).started_at,
            exclude_series=confirms or run_id,
        ),
    )
    return store.apply_decision(decision, run_id=run_id, policy=POLICY, at=at(minute + 2))


def _confirming(record: RunRecord, first: str, before: list[str]) -> RunRecord:
    """The record as one of a series, of one revision."""
    run_id, stack = record.stack.run_id, record.stack
    request = stack.request.model_copy(update={"confirms": first})
    series = Series(first_run_id=first, run_ids=[*before, run_id])
    return record.model_copy(
        update={
            "stack": stack.model_copy(update={"request": request}),
            "load": record.load.model_copy(update={"revision_after": f"rev-of-{first}"}),
            "comparison": record.comparison.model_copy(update={"series": series}),
        }
    )


def members(store: Store, under: Fingerprint | None = None, policy: BaselinePolicy = POLICY) -> list[str]:
    """Run ids that the next run would be compared with."""
    found = store.baseline(under or fingerprint(), policy, before=None, exclude_run=None)
    return found.run_ids if found else []
