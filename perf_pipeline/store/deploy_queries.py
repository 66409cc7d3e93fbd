"""Deploys as their rows: which are a target's, which stand, which came after something, what one repeats."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from perf_pipeline.store.automation_tables import DeployRow
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.values import DeployState

DeploysQuery = Select[tuple[DeployRow]]


def of_target(suite: str, target: str) -> DeploysQuery:
    """Newest first."""
    of = select(DeployRow).where(DeployRow.suite == suite, DeployRow.target == target)
    return of.order_by(DeployRow.number.desc())


def standing(suite: str, target: str) -> DeploysQuery:
    """Those that are not coalesced, newest first."""
    return of_target(suite, target).where(DeployRow.state != DeployState.COALESCED)


def newest_standing(session: Session, suite: str, target: str) -> DeployRow | None:
    return session.scalars(standing(suite, target).limit(1)).one_or_none()


def other_since(
    session: Session, suite: str, target: str, *, since: datetime, revision: str | None
) -> DeployRow | None:
    """The newest standing deploy that was seen after ``since`` and is not of ``revision`` (None: of any)."""
    query = standing(suite, target).where(DeployRow.seen_at > since)
    if revision is not None:
        query = query.where(DeployRow.revision != revision)
    return session.scalars(query.limit(1)).one_or_none()


def stands_for(deploy: DeployRow | None, revision: str) -> bool:
    """Whether a deploy has had, or will have, this revision measured: another one need not."""
    if deploy is None or deploy.state == DeployState.ABANDONED:
        return False
    return deploy.revision == revision


def repeated_by(newest: DeployRow | None, revision: str) -> DeployRow | None:
    """The deploy that one of this revision is once more: nothing else has run there in between."""
    return newest if newest is not None and newest.revision == revision else None


def previous_of(newest: DeployRow | None, known: str | None, revision: str) -> str | None:
    """What ran before ``revision``: what was deployed last, else what was seen to run; None: not known."""
    if newest is None:
        return known if known != revision else None
    return newest.previous_revision if newest.revision == revision else newest.revision


def deploy_row(session: Session, where: str, suite: str, target: str, number: int) -> DeployRow:
    row = session.scalars(of_target(suite, target).where(DeployRow.number == number)).one_or_none()
    if row is None:
        raise StoreError(
            f"suite {suite} has no deploy {number} of target {target} in the store at {where}: "
            "`perf-pipeline deploys` lists them."
        )
    return row
