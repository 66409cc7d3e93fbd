"""Runs and their results: begun, ended, lost, found again."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from perf_pipeline.core.model import MEASURED, Outcome, RunRecord, RunRequest
from perf_pipeline.store.database import Database
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.mapping import (
    endpoint_point,
    endpoint_row,
    first,
    outcome_of,
    record_json,
)
from perf_pipeline.store.overtaken import refuse_not_needed
from perf_pipeline.store.run_queries import stored_runs, stored_runs_query
from perf_pipeline.store.tables import EndpointResultRow, RunRow
from perf_pipeline.store.turns import refuse_out_of_turn
from perf_pipeline.store.values import EndpointPoint, StoredRun

CANDIDATES_SHOWN = 5


class RunStore(Database):
    """The part of the store that knows runs."""

    def begin_run(
        self,
        *,
        run_id: str,
        request: RunRequest,
        run_folder: str,
        owner_pid: int,
        owner_started: float,
        host: str,
        at: datetime,
        base_url: str | None = None,
        exclusive: bool = False,
        elsewhere_since: datetime | None = None,
        waits: str | None = None,
        priority: int = 0,
        due: datetime | None = None,
    ) -> None:
        """Write down that a run has begun, owned by one process (pid and its start in Unix seconds).

        The same run id again is a re-execution. It takes the run over and, where nothing had been measured
        (not ready, cancelled, lost), the run counts as running again. The outcome of a measured run stays
        until ``save_record`` replaces it.

        ``exclusive``: raises BusyError when another run is under way on this host or against this base URL,
        or waits on this host with a higher ``priority`` or longer, and SupersededError when it is not needed
        any more: it would confirm one that asks for no further run, a later deploy has come, or what was
        ``due`` has been measured since; call ``mark_lost`` first, so that a dead run does not block.
        Whether one on another host still lives cannot be seen: one that began before ``elsewhere_since`` is
        taken for dead. ``waits``: it has not begun, but waits in line for whom this names; its time starts
        anew when it begins. Raises StoreError.
        """
        with self._writing() as session:
            if exclusive:
                refuse_not_needed(session, run_id, request, due=due, elsewhere_since=elsewhere_since)
                refuse_out_of_turn(
                    session,
                    run_id,
                    host=host,
                    base_url=base_url,
                    elsewhere_since=elsewhere_since,
                    priority=priority,
                    at=at,
                )
            row = session.get(RunRow, run_id)
            if row is None:
                row = _new_run(run_id, request, run_folder, at)
                session.add(row)
            elif outcome_of(row) not in MEASURED:
                row.outcome, row.sentence, row.ended_at = None, "", None
            if row.waits is not None and waits is None:
                row.started_at = at
            row.waits, row.priority = waits, priority if waits is not None else None
            row.owner_pid, row.owner_started, row.host = owner_pid, owner_started, host
            row.base_url = base_url or row.base_url

    def set_outcome(self, run_id: str, outcome: Outcome, sentence: str, at: datetime) -> bool:
        """End a run that leaves no record. False: it was measured already, and what was measured stays.

        Raises StoreError for an unknown run.
        """
        with self._writing() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                raise StoreError(f"run {run_id} is not in the store at {self.where}, it cannot end.")
            if outcome_of(row) in MEASURED:
                return False
            row.outcome, row.sentence, row.ended_at = outcome.value, sentence, at
            row.waits = row.priority = None
            return True

    def save_record(self, record: RunRecord, at: datetime) -> None:
        """Store a measured run and its endpoints, in one transaction; a second time replaces the first.

        ``at`` becomes the end of the run, unless the run had been measured before. Raises StoreError.
        """
        with self._writing() as session:
            save(session, record, at)

    def list_runs(
        self,
        *,
        suite: str | None = None,
        target: str | None = None,
        profile: str | None = None,
        outcome: Outcome | None = None,
        since: datetime | None = None,
        limit: int = 20,
    ) -> list[StoredRun]:
        """Runs that fit all that is given, newest first, running ones included. Raises StoreError."""
        query = stored_runs_query()
        for column, wanted in ((RunRow.suite, suite), (RunRow.target, target), (RunRow.profile, profile)):
            if wanted is not None:
                query = query.where(column == wanted)
        if outcome is not None:
            query = query.where(RunRow.outcome == outcome.value)
        if since is not None:
            query = query.where(RunRow.started_at >= since)
        with self._reading() as session:
            return stored_runs(session, query.limit(limit))

    def find_run(self, prefix: str) -> StoredRun:
        """The run with this id, or the only one that begins so. Raises StoreError, with the candidates."""
        advice = "`perf-pipeline runs` lists them."
        with self._reading() as session:
            exact = stored_runs(session, stored_runs_query().where(RunRow.run_id == prefix))
            if exact:
                return exact[0]
            query = stored_runs_query().where(RunRow.run_id.startswith(prefix, autoescape=True))
            found = stored_runs(session, query.limit(CANDIDATES_SHOWN + 1)) if prefix else []
        if not found:
            raise StoreError(f"no run has an id that begins with '{prefix}': {advice}")
        if len(found) > 1:
            names = ", ".join(run.run_id for run in found[:CANDIDATES_SHOWN])
            more = " and more" if len(found) > CANDIDATES_SHOWN else ""
            raise StoreError(f"'{prefix}' is ambiguous, it may be {names}{more}: give more of the id.")
        return found[0]

    def record(self, run_id: str) -> RunRecord:
        """Everything about a measured run. Raises StoreError where there is no record."""
        with self._reading() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                raise StoreError(f"no run has the id {run_id}: `perf-pipeline runs` lists them.")
            if row.record is None:
                state = f"it ended as {row.outcome}" if row.outcome else "it is still running"
                raise StoreError(f"run {run_id} has no results, {state}. {row.sentence}".strip())
            document = row.record
        try:
            return RunRecord.model_validate(document)
        except ValidationError as error:
            raise StoreError(
                f"the record of run {run_id} was written by another version of perf-pipeline "
                f"and cannot be read ({first(error)}): use that version to show it."
            ) from error

    def endpoint_history(
        self, suite: str, target: str, endpoint: str, limit: int, *, profile: str | None = None
    ) -> list[EndpointPoint]:
        """One endpoint over the newest ``limit`` measured runs, oldest first, invalid ones included."""
        query = (
            select(RunRow, EndpointResultRow)
            .join(EndpointResultRow, EndpointResultRow.run_id == RunRow.run_id)
            .where(RunRow.suite == suite, RunRow.target == target, EndpointResultRow.endpoint == endpoint)
            .order_by(RunRow.started_at.desc(), RunRow.run_id.desc())
            .limit(limit)
        )
        if profile is not None:
            query = query.where(RunRow.profile == profile)
        with self._reading() as session:
            return [endpoint_point(run, row) for run, row in session.execute(query)][::-1]


def save(session: Session, record: RunRecord, at: datetime) -> RunRow:
    """``RunStore.save_record``, as part of a transaction."""
    document = record_json(record)
    row = session.get(RunRow, record.stack.run_id)
    if row is None:
        row = _new_run(
            record.stack.run_id, record.stack.request, record.stack.run_folder, record.load.started_at
        )
        session.add(row)
    if row.ended_at is None or outcome_of(row) not in MEASURED:
        row.ended_at = at
    by_target = record.load.revision_after or record.load.revision_before or record.stack.revision
    row.revision = by_target or record.stack.request.told_revision
    row.base_url = record.stack.base_url
    row.outcome, row.sentence = record.outcome.value, record.sentence
    row.fingerprint = record.load.fingerprint.model_dump(mode="json")
    row.fingerprint_key = record.load.fingerprint.key()
    row.record = document
    row.asks = record.asks or None
    session.flush()
    session.execute(delete(EndpointResultRow).where(EndpointResultRow.run_id == row.run_id))
    verdicts = record.comparison.judgement.endpoints
    session.add_all(endpoint_row(row.run_id, slo, verdicts.get(slo.endpoint)) for slo in record.slo.endpoints)
    session.flush()
    return row


def _new_run(run_id: str, request: RunRequest, run_folder: str, at: datetime) -> RunRow:
    return RunRow(
        run_id=run_id,
        suite=request.suite,
        target=request.target,
        profile=request.profile,
        revision=request.told_revision,
        sentence="",
        launched_by=request.launched_by,
        note=request.note,
        confirms=request.confirms,
        follow_up=request.follow_up.value,
        deploy=request.deploy.model_dump(mode="json") if request.deploy else None,
        host="",
        owner_pid=0,
        owner_started=0.0,
        run_folder=run_folder,
        started_at=at,
        signs=None,
    )
