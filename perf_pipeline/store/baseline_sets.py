"""The steps that baselines move by, each inside a transaction that holds the write lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from perf_pipeline.core.baseline import BaselineDecision
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import VALID
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.tables import BaselineRow, EndpointResultRow, MemberRow, PromotionRow, RunRow
from perf_pipeline.suite import BaselinePolicy

AUTOMATIC = "automatic"
PINNED = "pinned"
POLICY = "policy"  # who decides when no person does


def require(who: str, reason: str) -> None:
    """Raises StoreError unless a decision says who and why."""
    for name, text in (("who", who), ("reason", reason)):
        if not text.strip():
            raise StoreError(f"the {name} of the decision is empty: say it, for whoever looks in later.")


def key_of(run: RunRow) -> str:
    """Raises StoreError for a run that was never measured."""
    if run.fingerprint_key is None:
        raise StoreError(f"run {run.run_id} was never measured, it has no fingerprint.")
    return run.fingerprint_key


def in_force(session: Session, fingerprint_key: str, mode: str) -> BaselineRow | None:
    """The one baseline of this mode that has not ended, None when there is none."""
    return session.scalars(
        select(BaselineRow).where(
            BaselineRow.fingerprint_key == fingerprint_key,
            BaselineRow.mode == mode,
            BaselineRow.ended_at.is_(None),
        )
    ).one_or_none()


def all_in_force(
    session: Session, mode: str, *, suite: str, target: str, profile: str
) -> Sequence[BaselineRow]:
    """The baselines of this mode, one per fingerprint. Raises StoreError where there is none."""
    query = select(BaselineRow).where(
        BaselineRow.ended_at.is_(None),
        BaselineRow.mode == mode,
        BaselineRow.suite == suite,
        BaselineRow.target == target,
        BaselineRow.profile == profile,
    )
    found = session.scalars(query).all()
    if not found:
        raise StoreError(
            f"there is no {mode} baseline for {suite} / {target} / {profile}: "
            "`perf-pipeline baseline show` lists them."
        )
    return found


def members(session: Session, baseline: BaselineRow | None) -> list[str]:
    """Run ids that count in it."""
    if baseline is None:
        return []
    query = select(MemberRow.run_id).where(
        MemberRow.baseline_id == baseline.id, MemberRow.removed_at.is_(None)
    )
    return list(session.scalars(query))


def new_baseline(
    session: Session, like: RunRow | BaselineRow, mode: str, *, who: str, reason: str, at: datetime
) -> BaselineRow:
    """Begin one under the fingerprint of ``like``; none of this mode may be in force."""
    baseline = BaselineRow(
        fingerprint_key=like.fingerprint_key,
        fingerprint=like.fingerprint,
        suite=like.suite,
        target=like.target,
        profile=like.profile,
        mode=mode,
        created_at=at,
        created_by=who,
        reason=reason,
    )
    session.add(baseline)
    session.flush()
    return baseline


def add(
    session: Session, baseline: BaselineRow, run_ids: Sequence[str], *, who: str, reason: str, at: datetime
) -> list[str]:
    """Add the runs that are not in it yet; returns those."""
    there = set(members(session, baseline))
    added = [run_id for run_id in run_ids if run_id not in there]
    session.add_all(
        MemberRow(baseline_id=baseline.id, run_id=run_id, accepted_at=at, accepted_by=who, reason=reason)
        for run_id in added
    )
    session.flush()
    return added


def end(
    session: Session, fingerprint_key: str, mode: str, *, who: str, reason: str, at: datetime
) -> list[str]:
    """End the baseline in force, if there is one; returns the runs that left it."""
    baseline = in_force(session, fingerprint_key, mode)
    if baseline is None:
        return []
    left = members(session, baseline)
    session.execute(
        update(MemberRow)
        .where(MemberRow.baseline_id == baseline.id, MemberRow.removed_at.is_(None))
        .values(removed_at=at, removed_by=who, removed_reason=reason)
    )
    baseline.ended_at = at
    if mode == AUTOMATIC:
        forget_signs(session, fingerprint_key)
    session.flush()
    return left


def begin_anew(
    session: Session, baseline: BaselineRow, *, since: datetime, who: str, reason: str, at: datetime
) -> int:
    """Runs that started before ``since`` count no longer and enter no more; returns how many left."""
    query = select(RunRow.run_id).where(
        RunRow.run_id.in_(members(session, baseline)), RunRow.started_at >= since
    )
    stay = list(session.scalars(query.order_by(RunRow.started_at, RunRow.run_id)))
    before = end(session, baseline.fingerprint_key, AUTOMATIC, who=who, reason=reason, at=at)
    left = [run_id for run_id in before if run_id not in stay]
    fresh = new_baseline(session, baseline, AUTOMATIC, who=who, reason=reason, at=at)
    fresh.counts_from = since
    add(session, fresh, stay, who=who, reason=reason, at=at)
    log(session, baseline, "reset", left, who=who, reason=reason, at=at)
    return len(left)


def forget_signs(session: Session, fingerprint_key: str) -> None:
    """No run waits any more: what seemed changed had been seen against a baseline that is another one now."""
    session.execute(update(RunRow).where(RunRow.fingerprint_key == fingerprint_key).values(signs=None))


def log(
    session: Session,
    like: RunRow | BaselineRow,
    action: str,
    run_ids: Sequence[str],
    *,
    who: str,
    reason: str,
    at: datetime,
) -> None:
    """Add a decision to the log; ``like`` says where it applies."""
    session.add(
        PromotionRow(
            at=at,
            who=who,
            action=action,
            fingerprint_key=like.fingerprint_key,
            suite=like.suite,
            target=like.target,
            profile=like.profile,
            run_ids=list(run_ids),
            reason=reason,
        )
    )


def enter(
    session: Session, run: RunRow, decision: BaselineDecision, policy: BaselinePolicy, at: datetime
) -> str:
    """Let the runs of a decision into the automatic baseline; returns the sentence for people."""
    baseline = in_force(session, key_of(run), AUTOMATIC)
    begun = first_start(session, decision.run_ids)
    if baseline is not None and baseline.counts_from is not None and begun < baseline.counts_from:
        return (
            f"did not enter the baseline: {baseline.created_by} began it anew after this run had started "
            f"({baseline.reason})"
        )
    if decision.anew and not {*decision.run_ids} <= {*members(session, baseline)}:
        end(session, key_of(run), AUTOMATIC, who=POLICY, reason=decision.sentence, at=at)
        baseline = None
    if baseline is None:
        baseline = new_baseline(session, run, AUTOMATIC, who=POLICY, reason=decision.sentence, at=at)
        baseline.counts_from = begun if decision.anew else None
    added = add(session, baseline, decision.run_ids, who=POLICY, reason=decision.sentence, at=at)
    session.execute(update(RunRow).where(RunRow.run_id.in_(decision.run_ids)).values(signs=None))
    if not added:
        return f"is in the baseline already ({size(session, baseline, policy)})"
    action = "reset" if decision.anew else "automatic"
    log(session, run, action, added, who=POLICY, reason=decision.sentence, at=at)
    pinned = in_force(session, key_of(run), PINNED)
    overridden = "; a pinned baseline is in force and overrides it" if pinned is not None else ""
    return f"{decision.sentence} ({size(session, baseline, policy)}){overridden}"


def size(session: Session, baseline: BaselineRow | None, policy: BaselinePolicy) -> str:
    """``3 of 10 runs``: those that count of those that may."""
    return f"{min(len(members(session, baseline)), policy.keep)} of {policy.keep} runs"


def first_start(session: Session, run_ids: Sequence[str]) -> datetime:
    """When the first of these runs, at least one, began."""
    return min(session.scalars(select(RunRow.started_at).where(RunRow.run_id.in_(run_ids))))


def valid_series(session: Session, run: RunRow) -> list[RunRow]:
    """The valid runs that were judged together with this valid one, oldest first: its series."""
    query = select(RunRow).where(
        func.coalesce(RunRow.confirms, RunRow.run_id) == (run.confirms or run.run_id),
        RunRow.fingerprint_key == run.fingerprint_key,
        RunRow.outcome.in_([outcome.value for outcome in VALID]),
    )
    found = session.scalars(query.order_by(RunRow.started_at, RunRow.run_id))
    return [one for one in found if one.revision == run.revision]


def changed_level(session: Session, run: RunRow) -> bool:
    """Whether an endpoint of the run regressed or improved, or all of them changed together."""
    query = select(func.count()).where(
        EndpointResultRow.run_id == run.run_id,
        EndpointResultRow.verdict.in_([Verdict.REGRESSED.value, Verdict.IMPROVED.value]),
    )
    if session.scalar(query):
        return True
    common = ((run.record or {}).get("comparison", {}).get("judgement", {}).get("common")) or {}
    return common.get("stands") is not None
