"""Runs that are not needed any more when their turn comes; asked under the write lock, as they begin.

So of two that start at once (two daemons, one store) one is refused.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from perf_pipeline.core.model import VALID, RunRequest
from perf_pipeline.store.automation_tables import DeployRow
from perf_pipeline.store.deploy_queries import newest_standing, other_since
from perf_pipeline.store.errors import SupersededError
from perf_pipeline.store.series import refuse_superseded
from perf_pipeline.store.tables import RunRow


def refuse_not_needed(
    session: Session,
    run_id: str,
    request: RunRequest,
    *,
    due: datetime | None,
    elsewhere_since: datetime | None,
) -> None:
    """Raises SupersededError; ``due``: of a schedule's run."""
    refuse_superseded(session, run_id, request)
    _refuse_after_deploy(session, request)
    if due is not None:
        _refuse_measured_since(session, run_id, request, due, elsewhere_since=elsewhere_since)


def _refuse_after_deploy(session: Session, request: RunRequest) -> None:
    """Raises SupersededError for a run of a deploy, or one that confirms, after a later deploy.

    A target that does not tell what it runs would be measured under the old name.
    """
    later = _later_deploy(session, request)
    if later is None:
        return
    what = f"run {request.confirms}" if request.confirms else "it began"
    came = "came after" if request.confirms else "came before"
    raise SupersededError(
        f"deploy {later.number} ({later.revision}) of {request.suite} on {request.target} {came} {what}: "
        "this one is not needed."
    )


def _later_deploy(session: Session, request: RunRequest) -> DeployRow | None:
    place = request.suite, request.target
    if request.confirms is not None:
        first = session.get(RunRow, request.confirms)
        if first is None:
            return None
        return other_since(session, *place, since=first.started_at, revision=request.told_revision)
    newest = newest_standing(session, *place) if request.deploy is not None else None
    if newest is None or request.deploy is None or newest.number <= request.deploy.number:
        return None
    return newest


def _refuse_measured_since(
    session: Session, run_id: str, request: RunRequest, due: datetime, *, elsewhere_since: datetime | None
) -> None:
    """Raises SupersededError for a run that was due at a time since which another one measured the same.

    That one was valid, or is at it; one that began before ``elsewhere_since`` is taken for dead.
    """
    at_it = and_(RunRow.outcome.is_(None), RunRow.waits.is_(None))
    if elsewhere_since is not None:
        at_it = and_(at_it, RunRow.started_at >= elsewhere_since)
    query = select(RunRow).where(
        RunRow.run_id != run_id,
        RunRow.suite == request.suite,
        RunRow.target == request.target,
        RunRow.profile == request.profile,
        RunRow.started_at >= due,
        or_(at_it, RunRow.outcome.in_([outcome.value for outcome in VALID])),
    )
    other = session.scalars(query.order_by(RunRow.started_at).limit(1)).one_or_none()
    if other is not None:
        raise SupersededError(
            f"run {other.run_id} has measured {request.profile} of {request.suite} on {request.target} since "
            f"{other.started_at:%Y-%m-%d %H:%M} UTC, and this one was due at {due:%Y-%m-%d %H:%M} UTC: "
            "it is not needed."
        )
