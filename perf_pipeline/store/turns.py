"""Whose turn it is: one benchmark at a time on a generator's host and against a target.

A run that must not begin yet may wait in line, in the store, without keeping anybody out. The line is that
of one host, where it can be seen who still lives; a run elsewhere is only in the way while it is under way,
and whom it keeps from its target keeps nobody else in the line.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from perf_pipeline.store.errors import BusyError
from perf_pipeline.store.tables import RunRow


def refuse_out_of_turn(
    session: Session,
    run_id: str,
    *,
    host: str,
    base_url: str | None,
    elsewhere_since: datetime | None,
    priority: int,
    at: datetime,
) -> None:
    """Raises BusyError when another run is under way, or waits and comes first.

    ``at``: since when this one wants to begin, unless it waits in line already.
    """
    others = select(RunRow).where(RunRow.outcome.is_(None), RunRow.run_id != run_id).limit(1)
    under_way = others.where(RunRow.waits.is_(None), _in_the_way(host, base_url, elsewhere_since))
    other = session.scalars(under_way).one_or_none()
    if other is not None:
        raise BusyError(
            f"run {other.run_id} of {other.suite} against {other.target} is under way on {other.host} "
            f"(pid {other.owner_pid}, since {other.started_at:%Y-%m-%d %H:%M} UTC): two at once would "
            "measure each other; wait for its end."
        )
    mine = session.get(RunRow, run_id)
    since = mine.started_at if mine is not None and mine.waits is not None else at
    waiting = others.where(
        RunRow.waits.is_not(None),
        RunRow.host == host,
        _ahead(run_id, priority, since),
        ~_kept_from_elsewhere(host, elsewhere_since),
    )
    first = session.scalars(waiting).one_or_none()
    if first is not None:
        raise BusyError(
            f"run {first.run_id} of {first.suite} against {first.target} has waited since "
            f"{first.started_at:%Y-%m-%d %H:%M} UTC and comes first (pid {first.owner_pid})."
        )


def _kept_from_elsewhere(host: str, elsewhere_since: datetime | None) -> ColumnElement[bool]:
    """Of one that waits: it could not begin even as the first, its target is loaded from elsewhere."""
    there = aliased(RunRow)
    query = select(there.run_id).where(
        there.outcome.is_(None),
        there.waits.is_(None),
        there.host != host,
        there.base_url == RunRow.base_url,
    )
    if elsewhere_since is not None:
        query = query.where(there.started_at >= elsewhere_since)
    return query.exists()


def _in_the_way(host: str, base_url: str | None, elsewhere_since: datetime | None) -> ColumnElement[bool]:
    same: ColumnElement[bool] = RunRow.host == host
    if base_url is None:
        return same
    there = RunRow.base_url == base_url
    return same | (there if elsewhere_since is None else there & (RunRow.started_at >= elsewhere_since))


def _ahead(run_id: str, priority: int, since: datetime) -> ColumnElement[bool]:
    """In line before a run of this priority that came at this time."""
    earlier = or_(RunRow.started_at < since, and_(RunRow.started_at == since, RunRow.run_id < run_id))
    return or_(RunRow.priority > priority, and_(RunRow.priority == priority, earlier))
