"""Moving a baseline: by policy or by hand, always with who, when and why. Nothing is ever deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from perf_pipeline.core.baseline import BaselineDecision
from perf_pipeline.core.model import VALID, RunRecord
from perf_pipeline.store import baseline_sets as sets
from perf_pipeline.store.automation_tables import ArchiveRow
from perf_pipeline.store.baseline_sets import AUTOMATIC, PINNED, key_of
from perf_pipeline.store.database import Database
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.mapping import outcome_of, record_json
from perf_pipeline.store.runs import save
from perf_pipeline.store.tables import RunRow
from perf_pipeline.suite import BaselinePolicy


class BaselineWrites(Database):
    """The part of the store that moves baselines."""

    def apply_decision(
        self, decision: BaselineDecision, *, run_id: str, policy: BaselinePolicy, at: datetime
    ) -> str:
        """Carry out what ``core.baseline`` decided for a saved run; returns the sentence for people.

        Doing it again changes nothing. A run that started before the baseline was begun anew by hand stays
        out. Raises StoreError for an unknown run.
        """
        with self._writing() as session:
            return self._apply(session, decision, run_id, policy, at)

    def save_judged(
        self, record: RunRecord, decision: BaselineDecision, *, policy: BaselinePolicy, at: datetime
    ) -> RunRecord:
        """Store a measured run and carry its decision out, both or neither; returns the record as stored.

        Its ``baseline_sentence`` says what was done. A second time replaces the first. Raises StoreError.
        """
        with self._writing() as session:
            row = save(session, record, at)
            said = self._apply(session, decision, row.run_id, policy, at)
            stored = record.model_copy(update={"baseline_sentence": said})
            row.record = record_json(stored)
        return stored

    def _apply(
        self, session: Session, decision: BaselineDecision, run_id: str, policy: BaselinePolicy, at: datetime
    ) -> str:
        run = self._valid_run(session, run_id) if decision.enter else self._run(session, run_id)
        if decision.enter:
            return sets.enter(session, run, decision, policy, at)
        if run.fingerprint_key is not None:
            baseline = sets.in_force(session, run.fingerprint_key, AUTOMATIC)
            if run_id in sets.members(session, baseline):
                return f"is in the baseline already ({sets.size(session, baseline, policy)})"
        signs = decision.signs.model_dump(mode="json") if decision.signs.slower else None
        session.execute(update(RunRow).where(RunRow.run_id.in_(decision.held)).values(signs=signs))
        return decision.sentence

    def accept(self, run_id: str, *, who: str, reason: str, at: datetime, reset: bool | None = None) -> str:
        """Take a valid run and the valid ones of its series into the baseline by hand; returns one sentence.

        ``reset`` begins the baseline anew with them: earlier runs stop counting. Default: exactly when an
        endpoint regressed or improved or all changed together, because two levels in one baseline describe
        neither. A regressed or SLO-breaching run may be accepted; an invalid, cancelled, lost or not ready
        one is refused. Other runs that wait do so no longer. Raises StoreError.
        """
        sets.require(who, reason)
        with self._writing() as session:
            run = self._valid_run(session, run_id)
            runs = sets.valid_series(session, run)
            names = [one.run_id for one in runs]
            _refuse_pruned(session, names)
            anew = sets.changed_level(session, runs[-1]) if reset is None else reset
            if anew:
                sets.end(session, key_of(run), AUTOMATIC, who=who, reason=reason, at=at)
            baseline = sets.in_force(session, key_of(run), AUTOMATIC)
            if {*names} <= {*sets.members(session, baseline)}:
                return f"run {run_id} is in the baseline already."
            if baseline is None:
                baseline = sets.new_baseline(session, run, AUTOMATIC, who=who, reason=reason, at=at)
            if anew:
                baseline.counts_from = runs[0].started_at
            added = sets.add(session, baseline, names, who=who, reason=reason, at=at)
            sets.forget_signs(session, key_of(run))
            sets.log(session, run, "reset" if anew else "accept", added, who=who, reason=reason, at=at)
            pinned = sets.in_force(session, key_of(run), PINNED) is not None
        overridden = "; a pinned baseline is in force and overrides it" if pinned else ""
        them = (
            f"run {run_id}" if len(names) == 1 else f"the {len(names)} runs of its series, {', '.join(names)}"
        )
        if anew:
            return f"the baseline begins anew with {them}: earlier runs no longer count{overridden}."
        return f"{them} {'is' if len(names) == 1 else 'are'} in the baseline{overridden}."

    def pin(self, run_ids: Sequence[str], *, who: str, reason: str, at: datetime) -> str:
        """Compare with exactly these runs from now on; they replace an earlier pinned set.

        All must be valid and share one fingerprint. The automatic baseline goes on collecting beside it.
        Raises StoreError.
        """
        sets.require(who, reason)
        with self._writing() as session:
            runs = [self._valid_run(session, run_id) for run_id in dict.fromkeys(run_ids)]
            if not runs:
                raise StoreError("no run was named: give the runs to compare with.")
            keys = {run.fingerprint_key for run in runs}
            if len(keys) > 1:
                listed = ", ".join(f"{run.run_id} ({run.profile}, {run.fingerprint_key})" for run in runs)
                raise StoreError(f"runs under different fingerprints are never compared: {listed}.")
            _refuse_pruned(session, [run.run_id for run in runs])
            sets.end(session, key_of(runs[0]), PINNED, who=who, reason=reason, at=at)
            baseline = sets.new_baseline(session, runs[0], PINNED, who=who, reason=reason, at=at)
            names = [run.run_id for run in runs]
            sets.add(session, baseline, names, who=who, reason=reason, at=at)
            sets.log(session, runs[0], "pin", names, who=who, reason=reason, at=at)
            return f"the baseline is pinned to {', '.join(names)}."

    def unpin(self, *, suite: str, target: str, profile: str, who: str, reason: str, at: datetime) -> int:
        """Go back to the automatic baseline; returns how many runs were unpinned. Raises StoreError."""
        sets.require(who, reason)
        removed: set[str] = set()
        with self._writing() as session:
            for row in sets.all_in_force(session, PINNED, suite=suite, target=target, profile=profile):
                names = sets.end(session, row.fingerprint_key, PINNED, who=who, reason=reason, at=at)
                sets.log(session, row, "unpin", names, who=who, reason=reason, at=at)
                removed.update(names)
        return len(removed)

    def reset(
        self,
        *,
        suite: str,
        target: str,
        profile: str,
        who: str,
        reason: str,
        at: datetime,
        first_run: str | None = None,
    ) -> int:
        """Begin the automatic baselines of all fingerprints anew; returns how many runs left.

        Runs that started before ``first_run``, or before ``at``, stop counting, and none of them enters by
        itself any more (a late report of an older run). Their history remains; a pinned set stays in force.
        Raises StoreError where there is no automatic baseline.
        """
        sets.require(who, reason)
        with self._writing() as session:
            since = self._valid_run(session, first_run).started_at if first_run else at
            found = sets.all_in_force(session, AUTOMATIC, suite=suite, target=target, profile=profile)
            return sum(
                sets.begin_anew(session, row, since=since, who=who, reason=reason, at=at) for row in found
            )

    def _run(self, session: Session, run_id: str) -> RunRow:
        run = session.get(RunRow, run_id)
        if run is None:
            raise StoreError(f"no run has the id {run_id}: `perf-pipeline runs` lists them.")
        return run

    def _valid_run(self, session: Session, run_id: str) -> RunRow:
        run = self._run(session, run_id)
        outcome = outcome_of(run)
        if outcome is None:
            raise StoreError(f"run {run_id} is still running: wait for its end before it enters a baseline.")
        if outcome not in VALID or run.fingerprint_key is None:
            raise StoreError(
                f"run {run_id} cannot enter a baseline: it is {outcome.value}. {run.sentence}".strip()
            )
        return run


def _refuse_pruned(session: Session, run_ids: Sequence[str]) -> None:
    """Raises StoreError: the samples of a pruned run are gone, and no run could be compared with it."""
    query = select(ArchiveRow.run_id, ArchiveRow.pruned_reason).where(
        ArchiveRow.run_id.in_(run_ids), ArchiveRow.pruned_at.is_not(None)
    )
    for run_id, reason in session.execute(query.order_by(ArchiveRow.run_id)):
        raise StoreError(
            f"run {run_id} cannot enter a baseline: it was pruned ({reason}), and its samples with it; "
            "take a newer run."
        )
