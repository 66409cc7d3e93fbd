"""The store as plain rows: what an archive keeps of it, and a store made again from that.

Rows go out and in as they are, whatever columns a later version adds: nothing here names one that it does not
need. Times are ISO texts in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from perf_pipeline.core.model import RunRecord
from perf_pipeline.store.automation_tables import ArchiveRow, DeployWatchRow, NoticeRow, StoreRow
from perf_pipeline.store.columns import UtcDateTime
from perf_pipeline.store.database import Database
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.mapping import endpoint_row, record_json
from perf_pipeline.store.tables import Base, EndpointResultRow, MemberRow, RunRow
from perf_pipeline.store.values import ArchivedRun

JsonRow = dict[str, Any]
RUNS, RECORD, SIGNS = RunRow.__tablename__, "record", "signs"
MEMBERS = MemberRow.__tablename__
IDENTITY = StoreRow.__tablename__
# What the archives of runs hold themselves, and which store it is.
IN_ARCHIVES = {RUNS, EndpointResultRow.__tablename__, ArchiveRow.__tablename__, IDENTITY}
# What a daemon writes into an empty store by itself, before a person can make the lost one again.
BY_ITSELF = (NoticeRow, DeployWatchRow, StoreRow)


class RunRows(NamedTuple):
    """All that the store has of one run."""

    run: JsonRow  # without its record
    record: RunRecord | None
    archive: ArchivedRun | None


class Rows(Database):
    """The part of the store that can be written down and made again."""

    def store_id(self) -> str:
        """Random, and this store's for ever; one made again from archives goes on as the lost one."""
        with self._reading() as session:
            known = session.scalar(select(StoreRow.id))
        if known is not None:
            return known
        with self._writing() as session:
            row = session.scalar(select(StoreRow)) or StoreRow(id=uuid4().hex)
            session.add(row)
            return row.id

    def raw_record(self, run_id: str) -> JsonRow | None:
        """The record as it was stored, by whichever version; None: nothing was measured."""
        with self._reading() as session:
            return session.scalar(select(RunRow.record).where(RunRow.run_id == run_id))

    def run_row(self, run_id: str) -> JsonRow:
        """What stays as it is once a run has ended, but for its record. Raises StoreError."""
        columns = [column for column in RunRow.__table__.columns if column.name not in (RECORD, SIGNS)]
        with self._reading() as session:
            found = session.execute(select(*columns).where(RunRow.run_id == run_id)).mappings().one_or_none()
        if found is None:
            raise StoreError(f"no run has the id {run_id}: `perf-pipeline runs` lists them.")
        return _written(found)

    def rows_beside_runs(self) -> dict[str, list[JsonRow]]:
        """Table -> rows of all that no run's archive holds: baselines, decisions, deploys, pauses, notices.

        Of the runs' own table: what changes after a run has ended. Raises StoreError.
        """
        with self._reading() as session:
            found = {
                table.name: [_written(row) for row in session.execute(_all_of(table)).mappings()]
                for table in Base.metadata.sorted_tables
                if table.name not in IN_ARCHIVES
            }
            waiting = select(RunRow.run_id, RunRow.signs).where(RunRow.signs.is_not(None))
            found[RUNS] = [
                {"run_id": run_id, SIGNS: signs}
                for run_id, signs in session.execute(waiting.order_by(RunRow.run_id))
            ]
        return found

    def fill(
        self, runs: Iterable[RunRows], beside: Mapping[str, list[JsonRow]], *, identity: str | None = None
    ) -> list[str]:
        """Make the store again, all of it or nothing; returns one sentence for each thing that is missing.

        ``identity``: see ``store_id``. Raises StoreError unless the store is empty but for notices, which
        stay, and what the deploy sensor has seen.
        """
        signs = {row["run_id"]: row[SIGNS] for row in beside.get(RUNS, [])}
        known: set[str] = set()
        with self._writing() as session:
            connection = session.connection()
            _refuse_filled(connection, self.where)
            notices = _emptied(connection)
            for one in runs:
                row = {**_read(RunRow.__table__, one.run), SIGNS: signs.get(one.run["run_id"])}
                connection.execute(
                    insert(RunRow), [{**row, RECORD: record_json(one.record) if one.record else None}]
                )
                known.add(row["run_id"])
                if one.archive is not None:
                    archive = one.archive.model_dump()
                    connection.execute(insert(ArchiveRow), [archive])
                if one.record is not None:
                    verdicts = one.record.comparison.judgement.endpoints
                    session.add_all(
                        endpoint_row(row["run_id"], slo, verdicts.get(slo.endpoint))
                        for slo in one.record.slo.endpoints
                    )
                    session.flush()
            missing = _fill_beside(connection, beside, known)
            if notices:
                connection.execute(insert(NoticeRow), notices)
            if identity is not None:
                session.add(StoreRow(id=identity))
            return missing


def _fill_beside(connection: Connection, beside: Mapping[str, list[JsonRow]], known: set[str]) -> list[str]:
    missing = []
    for table in Base.metadata.sorted_tables:
        rows = [_read(table, row) for row in beside.get(table.name, []) if table.name not in IN_ARCHIVES]
        if table.name == MEMBERS:
            missing = sorted({row["run_id"] for row in rows} - known)
            rows = [row for row in rows if row["run_id"] in known]
        if rows:
            connection.execute(insert(table), rows)
            _count_on(connection, table)
    return [
        f"run {one} is in a baseline's history, but no archive holds it: it was left out" for one in missing
    ]


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL gives numbers from a counter of its own, which rows that bring theirs do not move."""
    if connection.dialect.name == "postgresql" and "id" in table.columns:
        newest = select(func.max(table.c.id)).scalar_subquery()
        counter = func.pg_get_serial_sequence(table.name, "id")
        connection.execute(select(func.setval(counter, newest)))


def _emptied(connection: Connection) -> list[dict[str, Any]]:
    """Removes what a daemon has written by itself; returns its notices, which get new numbers."""
    columns = [column for column in NoticeRow.__table__.columns if column.name != "id"]
    notices = [dict(row) for row in connection.execute(select(*columns).order_by(NoticeRow.id)).mappings()]
    for table in BY_ITSELF:
        connection.execute(delete(table))
    return notices


def _refuse_filled(connection: Connection, where: str) -> None:
    allowed = {table.__tablename__ for table in BY_ITSELF}
    for table in Base.metadata.sorted_tables:
        if table.name in allowed:
            continue
        if connection.execute(select(text("1")).select_from(table).limit(1)).first() is not None:
            raise StoreError(
                f"the store at {where} is not empty ({table.name} has rows), and nothing is overwritten: "
                "stop the daemon and move this one away, or name an empty one in PERF_PIPELINE_STORE_URL."
            )


def _all_of(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)


def _written(row: Mapping[Any, Any]) -> JsonRow:
    return {
        str(name): value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()
    }


def _read(table: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that this version does not know are left out: an older one wrote them."""
    known = {column.name: column for column in table.columns}
    return {
        name: datetime.fromisoformat(value)
        if value is not None and isinstance(known[name].type, UtcDateTime)
        else value
        for name, value in row.items()
        if name in known
    }
