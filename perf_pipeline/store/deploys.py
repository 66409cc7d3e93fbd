"""Deploys: seen or marked, numbered per suite and target, and what became of each."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from perf_pipeline.core.deploys import (
    MARKER,
    Deployed,
    Event,
    Failing,
    Observation,
    Recovered,
    Vanished,
    Watch,
    notice_of,
    observe,
)
from perf_pipeline.store.automation_tables import DeployRow, DeployWatchRow, NoticeRow
from perf_pipeline.store.database import Database
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.mapping import first, stored_deploy
from perf_pipeline.store.values import DeployState, StoredDeploy

OPEN = (DeployState.PENDING, DeployState.LAUNCHED)


class Deploys(Database):
    """The part of the store that knows deploys."""

    def mark_deploy(
        self, suite: str, target: str, revision: str, *, note: str, at: datetime, again: bool = False
    ) -> StoredDeploy:
        """Record what somebody says was deployed. What the target is known to run already is coalesced,
        unless it is to be measured ``again``. Raises StoreError.
        """
        with self._writing() as session:
            watch = session.get(DeployWatchRow, (suite, target))
            known = _watch(watch).known if watch else None
            newest = _newest_standing(session, suite, target)
            before = _before(newest, revision) if newest else known
            row = _record(
                session, suite, target, revision, before, source=MARKER, seen_at=at, note=note, at=at
            )
            if again or not (_stands_for(newest, revision) or (newest is None and known == revision)):
                _supersede(session, row, at)
            else:
                what = f"of deploy {newest.number} already" if newest else "what it runs already"
                _decide(row, DeployState.COALESCED, f"{revision} is {what}", at)
            return stored_deploy(row)

    def look(
        self,
        suite: str,
        target: str,
        observation: Observation,
        *,
        source: str,
        settle_s: float,
        at: datetime,
    ) -> tuple[Watch, list[Event]]:
        """Take one look at a target into account: what is remembered of it now, and what the look told.

        Deploys that count, those that vanished, and notices about the source are recorded in the same
        transaction, so that of two who look at once neither records what the other has. Raises StoreError.
        """
        with self._writing() as session:
            row = session.get(DeployWatchRow, (suite, target))
            if row is None:
                row = DeployWatchRow(suite=suite, target=target, state={}, updated_at=at)
                session.add(row)
            before = _watch(row)
            if at < row.updated_at:
                return before, []  # somebody else looked later and was faster
            watch, events = observe(before, observation, at, settle_s)
            for event in events:
                _take(session, suite, target, event, known=before.known, source=source, at=at)
            row.state, row.updated_at = watch.model_dump(mode="json"), at
            return watch, events

    def last_look(self, suite: str, target: str) -> datetime | None:
        """When a target was looked at last; None: never. Raises StoreError."""
        with self._reading() as session:
            row = session.get(DeployWatchRow, (suite, target))
            return row.updated_at if row else None

    def open_deploys(self) -> list[StoredDeploy]:
        """Those that wait for their run, or whose run has not been seen to end, oldest first."""
        query = select(DeployRow).where(DeployRow.state.in_(OPEN)).order_by(DeployRow.seen_at, DeployRow.id)
        with self._reading() as session:
            return [stored_deploy(row) for row in session.scalars(query)]

    def launch_deploy(self, deploy: StoredDeploy, sentence: str, at: datetime) -> bool:
        """Its run is about to be started. False: somebody else was faster. Raises StoreError."""
        with self._writing() as session:
            row = _row(session, self.where, deploy.suite, deploy.target, deploy.number)
            if row.state != DeployState.PENDING or row.attempts != deploy.attempts:
                return False
            row.attempts, row.run_id = row.attempts + 1, None
            _decide(row, DeployState.LAUNCHED, sentence, at)
            return True

    def settle_deploy(
        self, deploy: StoredDeploy, state: DeployState, sentence: str, at: datetime, run_id: str | None
    ) -> None:
        """What became of a deploy's run. Pending means another attempt, and is coalesced where a later deploy
        has come meanwhile. Raises StoreError.
        """
        with self._writing() as session:
            row = _row(session, self.where, deploy.suite, deploy.target, deploy.number)
            row.run_id = run_id
            later = _newest_standing(session, deploy.suite, deploy.target)
            if state is DeployState.PENDING and later is not None and later.number > row.number:
                state, sentence = DeployState.COALESCED, f"{sentence}; deploy {later.number} came after it"
            _decide(row, state, sentence, at)

    def deploy(self, suite: str, target: str, number: int) -> StoredDeploy:
        """Raises StoreError for an unknown one."""
        with self._reading() as session:
            return stored_deploy(_row(session, self.where, suite, target, number))

    def list_deploys(
        self, *, suite: str | None = None, target: str | None = None, limit: int = 20
    ) -> list[StoredDeploy]:
        """Those that fit all that is given, newest first. Raises StoreError."""
        query = select(DeployRow).order_by(DeployRow.seen_at.desc(), DeployRow.id.desc()).limit(limit)
        for column, wanted in ((DeployRow.suite, suite), (DeployRow.target, target)):
            if wanted is not None:
                query = query.where(column == wanted)
        with self._reading() as session:
            return [stored_deploy(row) for row in session.scalars(query)]


def _take(
    session: Session, suite: str, target: str, event: Event, *, known: str | None, source: str, at: datetime
) -> None:
    match event:
        case Deployed(revision, seen_at):
            newest = _newest_standing(session, suite, target)
            row = _record(session, suite, target, revision, known, source=source, seen_at=seen_at, at=at)
            if newest is not None and _stands_for(newest, revision):
                _decide(row, DeployState.COALESCED, f"{revision} is of deploy {newest.number} already", at)
            else:
                _supersede(session, row, at)
        case Vanished(revision, seen_at):
            row = _record(session, suite, target, revision, known, source=source, seen_at=seen_at, at=at)
            _decide(row, DeployState.COALESCED, f"it had gone by {at:%H:%M:%S} UTC, before it settled", at)
        case Failing() | Recovered():
            kind, said = notice_of(event, suite, target)
            session.add(NoticeRow(at=at, kind=kind, suite=suite, target=target, sentence=said))
        case _:
            return


def _record(
    session: Session,
    suite: str,
    target: str,
    revision: str,
    previous: str | None,
    *,
    source: str,
    seen_at: datetime,
    at: datetime,
    note: str = "",
) -> DeployRow:
    of_target = select(DeployRow.number).where(DeployRow.suite == suite, DeployRow.target == target)
    numbers = session.scalars(of_target.order_by(DeployRow.number.desc()).limit(1))
    row = DeployRow(
        suite=suite,
        target=target,
        number=(numbers.one_or_none() or 0) + 1,
        revision=revision,
        previous_revision=previous,
        source=source,
        seen_at=seen_at,
        note=note,
        state=DeployState.PENDING.value,
        sentence="waits for its run",
        attempts=0,
        decided_at=at,
    )
    session.add(row)
    session.flush()
    return row


def _decide(row: DeployRow, state: DeployState, sentence: str, at: datetime) -> None:
    row.state, row.sentence, row.decided_at = state.value, sentence, at


def _supersede(session: Session, newest: DeployRow, at: datetime) -> None:
    """Of several that wait for a run only the newest gets one."""
    for row in session.scalars(_of(newest.suite, newest.target).where(DeployRow.number < newest.number)):
        if row.state == DeployState.PENDING:
            said = f"deploy {newest.number} ({newest.revision}) came before its run could start"
            _decide(row, DeployState.COALESCED, said, at)


def _newest_standing(session: Session, suite: str, target: str) -> DeployRow | None:
    """The newest that is not coalesced."""
    standing = _of(suite, target).where(DeployRow.state != DeployState.COALESCED)
    return session.scalars(standing.order_by(DeployRow.number.desc()).limit(1)).one_or_none()


def _stands_for(deploy: DeployRow | None, revision: str) -> bool:
    """Whether a deploy has had, or will have, this revision measured: another one need not."""
    if deploy is None or deploy.state == DeployState.ABANDONED:
        return False
    return deploy.revision == revision


def _before(newest: DeployRow, revision: str) -> str | None:
    """What ran before ``revision``; of one that was never measured, what ran before that."""
    abandoned = newest.state == DeployState.ABANDONED and newest.revision == revision
    return newest.previous_revision if abandoned else newest.revision


def _row(session: Session, where: str, suite: str, target: str, number: int) -> DeployRow:
    row = session.scalars(_of(suite, target).where(DeployRow.number == number)).one_or_none()
    if row is None:
        raise StoreError(
            f"suite {suite} has no deploy {number} of target {target} in the store at {where}: "
            "`perf-pipeline deploys` lists them."
        )
    return row


def _of(suite: str, target: str) -> Select[tuple[DeployRow]]:
    return select(DeployRow).where(DeployRow.suite == suite, DeployRow.target == target)


def _watch(row: DeployWatchRow) -> Watch:
    try:
        return Watch.model_validate(row.state)
    except ValidationError as error:
        raise StoreError(
            f"what is remembered of target {row.target} of suite {row.suite} was written by another version "
            f"of perf-pipeline and cannot be read ({first(error)}): run that version's daemon, or this one's."
        ) from error
