"""Deploys: seen or marked, numbered per suite and target, and what became of each."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import select
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
from perf_pipeline.store.deploy_queries import (
    deploy_row,
    newest_standing,
    of_target,
    other_since,
    previous_of,
    repeated_by,
    stands_for,
)
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
        unless it is to be measured ``again``. A repeat was seen when the deploy was that it repeats, and has
        its previous revision. Raises StoreError.
        """
        with self._writing() as session:
            watch = session.get(DeployWatchRow, (suite, target))
            known = _watch(watch).known if watch else None
            newest = newest_standing(session, suite, target)
            before, repeated = previous_of(newest, known, revision), repeated_by(newest, revision)
            seen_at = repeated.seen_at if repeated else at
            row = _record(
                session, suite, target, revision, before, source=MARKER, seen_at=seen_at, note=note, at=at
            )
            if again or not (stands_for(newest, revision) or (newest is None and known == revision)):
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
        place: str,
        settle_s: float,
        at: datetime,
    ) -> tuple[Watch, list[Event]]:
        """Take one look at a target into account: what is remembered of it now, and what the look told.

        ``place``: where it looked; what was remembered of another place is forgotten.

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
            before = before.at_place(place)
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
        query = select(DeployRow).where(DeployRow.state.in_(OPEN)).order_by(DeployRow.id)
        with self._reading() as session:
            return [stored_deploy(row) for row in session.scalars(query)]

    def launch_deploy(self, deploy: StoredDeploy, launcher: str, sentence: str, at: datetime) -> bool:
        """Its run is about to be started by the Dagster whose id ``launcher`` is, which alone knows what
        becomes of it. False: somebody else was faster. Raises StoreError.
        """
        with self._writing() as session:
            row = deploy_row(session, self.where, deploy.suite, deploy.target, deploy.number)
            if row.state != DeployState.PENDING or row.attempts != deploy.attempts:
                return False
            row.attempts, row.run_id, row.launcher = row.attempts + 1, None, launcher
            _decide(row, DeployState.LAUNCHED, sentence, at)
            return True

    def settle_deploy(
        self, deploy: StoredDeploy, state: DeployState, sentence: str, at: datetime, run_id: str | None
    ) -> None:
        """What became of a deploy's run. Pending means another attempt, and is coalesced where a later deploy
        has come meanwhile. Nothing changes when it was settled before. Raises StoreError.
        """
        with self._writing() as session:
            row = deploy_row(session, self.where, deploy.suite, deploy.target, deploy.number)
            if row.state != DeployState.LAUNCHED or row.attempts != deploy.attempts:
                return
            row.run_id = run_id
            later = newest_standing(session, deploy.suite, deploy.target)
            if state is DeployState.PENDING and later is not None and later.number > row.number:
                state, sentence = DeployState.COALESCED, f"{sentence}; deploy {later.number} came after it"
            _decide(row, state, sentence, at)

    def newest_deploy(self, suite: str, target: str) -> StoredDeploy | None:
        """The newest of a target that is not coalesced; None: there is none. Raises StoreError."""
        with self._reading() as session:
            row = newest_standing(session, suite, target)
            return stored_deploy(row) if row else None

    def other_deploy(
        self, suite: str, target: str, *, since: datetime, revision: str | None
    ) -> StoredDeploy | None:
        """The newest that was seen after ``since``, is not coalesced and not of ``revision`` (None: of any).

        Raises StoreError.
        """
        with self._reading() as session:
            row = other_since(session, suite, target, since=since, revision=revision)
            return stored_deploy(row) if row else None

    def deploy(self, suite: str, target: str, number: int) -> StoredDeploy:
        """Raises StoreError for an unknown one."""
        with self._reading() as session:
            return stored_deploy(deploy_row(session, self.where, suite, target, number))

    def list_deploys(
        self, *, suite: str | None = None, target: str | None = None, limit: int = 20
    ) -> list[StoredDeploy]:
        """Those that fit all that is given, newest first. Raises StoreError."""
        query = select(DeployRow).order_by(DeployRow.id.desc()).limit(limit)
        for column, wanted in ((DeployRow.suite, suite), (DeployRow.target, target)):
            if wanted is not None:
                query = query.where(column == wanted)
        with self._reading() as session:
            return [stored_deploy(row) for row in session.scalars(query)]


def _take(
    session: Session, suite: str, target: str, event: Event, *, known: str | None, source: str, at: datetime
) -> None:
    match event:
        case Deployed(revision, seen_at) | Vanished(revision, seen_at):
            newest = newest_standing(session, suite, target)
            before = previous_of(newest, known, revision)
            row = _record(session, suite, target, revision, before, source=source, seen_at=seen_at, at=at)
            if isinstance(event, Vanished):
                said = f"it had gone by {at:%H:%M:%S} UTC, before it settled"
                _decide(row, DeployState.COALESCED, said, at)
            elif newest is not None and stands_for(newest, revision):
                _decide(row, DeployState.COALESCED, f"{revision} is of deploy {newest.number} already", at)
            else:
                repeated = repeated_by(newest, revision)
                row.seen_at = repeated.seen_at if repeated else seen_at
                _supersede(session, row, at)
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
    last = session.scalars(of_target(suite, target).limit(1)).one_or_none()
    row = DeployRow(
        suite=suite,
        target=target,
        number=(last.number if last else 0) + 1,
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
    for row in session.scalars(
        of_target(newest.suite, newest.target).where(DeployRow.number < newest.number)
    ):
        if row.state == DeployState.PENDING:
            said = f"deploy {newest.number} ({newest.revision}) came before its run could start"
            _decide(row, DeployState.COALESCED, said, at)


def _watch(row: DeployWatchRow) -> Watch:
    try:
        return Watch.model_validate(row.state)
    except ValidationError as error:
        raise StoreError(
            f"what is remembered of target {row.target} of suite {row.suite} was written by another version "
            f"of perf-pipeline and cannot be read ({first(error)}): run that version's daemon, or this one's."
        ) from error
