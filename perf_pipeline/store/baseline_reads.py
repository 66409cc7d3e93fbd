"""Which runs a candidate is compared with, and how it came to that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from perf_pipeline.core.baseline import Waiting
from perf_pipeline.core.deploys import may_have_measured
from perf_pipeline.core.judgement import BaselineRef
from perf_pipeline.core.model import VALID, Deploy, Fingerprint
from perf_pipeline.core.signs import Signs
from perf_pipeline.store.automation_tables import DeployRow
from perf_pipeline.store.baseline_sets import AUTOMATIC, PINNED
from perf_pipeline.store.database import Database
from perf_pipeline.store.deploy_queries import standing
from perf_pipeline.store.mapping import baseline_member, promotion, stored_deploy
from perf_pipeline.store.tables import BaselineRow, MemberRow, PromotionRow, RunRow
from perf_pipeline.store.values import BaselineMember, Promotion, StoredBaseline
from perf_pipeline.suite import BaselinePolicy

ROW_LIMIT = 30  # most waiting runs that are looked at; only of a regression that stays there are more
DECISIONS_SHOWN = 20
AnySelect = TypeVar("AnySelect", bound=Select[Any])


class BaselineReads(Database):
    """The part of the store that knows baselines."""

    def baseline(
        self,
        fingerprint: Fingerprint,
        policy: BaselinePolicy,
        *,
        before: datetime | None,
        exclude_run: str | None,
        deploy: Deploy | None = None,
    ) -> BaselineRef | None:
        """The runs to compare with, oldest first; None: there is no baseline.

        A pinned set is taken as it is, however small. Else the newest ``policy.keep`` accepted runs, None
        when they are fewer than ``policy.minimum``. ``before`` leaves out automatic members that started
        later: a report made again does not compare a run with its successors. ``exclude_run`` is the
        candidate itself. ``deploy``, which it follows, leaves out automatic members that may have measured
        that. Raises StoreError.
        """
        query = _members_in_force(fingerprint.key()).order_by(RunRow.started_at.desc(), RunRow.run_id.desc())
        if exclude_run is not None:
            query = query.where(RunRow.run_id != exclude_run)
        accepted = query.where(BaselineRow.mode == AUTOMATIC)
        if before is not None:
            accepted = accepted.where(RunRow.started_at < before)
        with self._reading() as session:
            if deploy is not None:
                place = fingerprint.suite, fingerprint.target
                accepted = accepted.where(*_before(deploy, session.scalars(standing(*place)).all()))
            pinned = session.scalars(query.where(BaselineRow.mode == PINNED)).all()
            if pinned:
                return _ref(PINNED, pinned[::-1])
            runs = session.scalars(accepted.limit(policy.keep)).all()
            return _ref(AUTOMATIC, runs[::-1]) if runs and len(runs) >= policy.minimum else None

    def nearest_other_fingerprint(self, fingerprint: Fingerprint) -> Fingerprint | None:
        """Of the latest accepted run of the same suite and target under another fingerprint.

        The same profile goes first. Where there is no baseline, ``differences`` with it says why.
        Raises StoreError.
        """
        query = (
            select(BaselineRow.fingerprint)
            .join(MemberRow, MemberRow.baseline_id == BaselineRow.id)
            .join(RunRow, RunRow.run_id == MemberRow.run_id)
            .where(
                BaselineRow.suite == fingerprint.suite,
                BaselineRow.target == fingerprint.target,
                BaselineRow.fingerprint_key != fingerprint.key(),
                MemberRow.removed_at.is_(None),
            )
            .order_by((BaselineRow.profile == fingerprint.profile).desc(), RunRow.started_at.desc())
            .limit(1)
        )
        with self._reading() as session:
            found = session.scalars(query).one_or_none()
            return Fingerprint.model_validate(found) if found is not None else None

    def waiting(self, fingerprint: Fingerprint, *, before: datetime, exclude_series: str) -> list[Waiting]:
        """The row of series just before ``before`` that stayed out because they seem slower, oldest first.

        It ends at the first valid run that knows of nothing slower; invalid, cancelled and lost runs do not
        break it. This is what ``core.baseline.baseline_decision`` needs. Raises StoreError.
        """
        query = (
            select(RunRow)
            .where(
                RunRow.fingerprint_key == fingerprint.key(),
                RunRow.outcome.in_([outcome.value for outcome in VALID]),
                RunRow.started_at < before,
                func.coalesce(RunRow.confirms, RunRow.run_id) != exclude_series,
            )
            .order_by(RunRow.started_at.desc(), RunRow.run_id.desc())
            .limit(ROW_LIMIT)
        )
        row: dict[str, list[RunRow]] = {}  # first run of a series -> its runs, newest first
        with self._reading() as session:
            for run in session.scalars(query):
                if run.signs is None:
                    break
                row.setdefault(run.confirms or run.run_id, []).append(run)
        return [
            Waiting(run_ids=[run.run_id for run in runs[::-1]], signs=Signs.model_validate(runs[0].signs))
            for runs in reversed(row.values())
        ]

    def baselines(self, *, suite: str, target: str, profile: str) -> list[StoredBaseline]:
        """The baselines in force, newest first: several where fingerprints changed. Raises StoreError."""
        query = (
            select(BaselineRow)
            .where(
                BaselineRow.suite == suite,
                BaselineRow.target == target,
                BaselineRow.profile == profile,
                BaselineRow.ended_at.is_(None),
            )
            .order_by(BaselineRow.created_at.desc(), BaselineRow.id.desc())
        )
        with self._reading() as session:
            rows = session.scalars(query).all()
            pinned = {row.fingerprint_key for row in rows if row.mode == PINNED}
            found = [
                _stored(session, row, in_use=row.mode == PINNED or row.fingerprint_key not in pinned)
                for row in rows
            ]
        return [baseline for baseline in found if baseline.members]

    def baseline_members(
        self,
        *,
        suite: str | None = None,
        target: str | None = None,
        profile: str | None = None,
        history: bool = False,
    ) -> list[BaselineMember]:
        """Runs in baselines that fit all that is given, oldest first; with ``history`` also removed ones."""
        query = _fitting(_members(), BaselineRow, suite, target, profile)
        if not history:
            query = query.where(MemberRow.removed_at.is_(None))
        with self._reading() as session:
            return [baseline_member(*row._tuple()) for row in session.execute(query)]

    def promotions(
        self,
        *,
        suite: str | None = None,
        target: str | None = None,
        profile: str | None = None,
        limit: int = 50,
    ) -> list[Promotion]:
        """Decisions about baselines that fit all that is given, newest first. Raises StoreError."""
        with self._reading() as session:
            query = _fitting(_promotions(limit), PromotionRow, suite, target, profile)
            return [promotion(row) for row in session.scalars(query)]


def _members_in_force(fingerprint_key: str) -> Select[tuple[RunRow]]:
    return (
        select(RunRow)
        .join(MemberRow, MemberRow.run_id == RunRow.run_id)
        .join(BaselineRow, BaselineRow.id == MemberRow.baseline_id)
        .where(
            BaselineRow.fingerprint_key == fingerprint_key,
            BaselineRow.ended_at.is_(None),
            MemberRow.removed_at.is_(None),
        )
    )


def _before(deploy: Deploy, known: Sequence[DeployRow]) -> list[ColumnElement[bool]]:
    """Conditions of runs from before a deploy."""
    measured = may_have_measured(deploy, [stored_deploy(row).as_deploy for row in known])
    other = or_(RunRow.revision.is_(None), RunRow.revision != measured.revision)
    if measured.since is not None:
        other = or_(other, RunRow.started_at <= measured.since)
    return [RunRow.started_at < deploy.seen_at, other]


def _members() -> Select[tuple[BaselineRow, MemberRow, RunRow]]:
    return (
        select(BaselineRow, MemberRow, RunRow)
        .join(MemberRow, MemberRow.baseline_id == BaselineRow.id)
        .join(RunRow, RunRow.run_id == MemberRow.run_id)
        .order_by(RunRow.started_at, RunRow.run_id, MemberRow.id)
    )


def _promotions(limit: int) -> Select[tuple[PromotionRow]]:
    return select(PromotionRow).order_by(PromotionRow.at.desc(), PromotionRow.id.desc()).limit(limit)


def _fitting(
    query: AnySelect,
    table: type[BaselineRow | PromotionRow],
    *place: str | None,
) -> AnySelect:
    """``place``: suite, target, profile. None fits all."""
    for column, wanted in zip((table.suite, table.target, table.profile), place, strict=True):
        if wanted is not None:
            query = query.where(column == wanted)
    return query


def _stored(session: Session, row: BaselineRow, *, in_use: bool) -> StoredBaseline:
    members = _members().where(BaselineRow.id == row.id, MemberRow.removed_at.is_(None))
    decisions = _promotions(DECISIONS_SHOWN).where(PromotionRow.fingerprint_key == row.fingerprint_key)
    return StoredBaseline(
        mode=row.mode,
        in_use=in_use,
        fingerprint=Fingerprint.model_validate(row.fingerprint),
        fingerprint_key=row.fingerprint_key,
        created_at=row.created_at,
        created_by=row.created_by,
        reason=row.reason,
        members=[baseline_member(*found._tuple()) for found in session.execute(members)],
        promotions=[promotion(decision) for decision in session.scalars(decisions)],
    )


def _ref(mode: str, runs: Sequence[RunRow]) -> BaselineRef:
    return BaselineRef(
        mode=mode, run_ids=[run.run_id for run in runs], revisions=[run.revision or "unknown" for run in runs]
    )
