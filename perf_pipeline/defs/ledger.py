"""Sees to it that the store knows how every benchmark ended, whatever ended it.

Dagster tears resources down after the last step, also when a step failed or the run was interrupted. What
happened is read from the run's own events then, so that no step has to catch anything for it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    InitResourceContext,
    ResourceDefinition,
)
from dagster._core.errors import DagsterRunNotFoundError
from dagster._utils.interrupts import capture_interrupts

from perf_pipeline.core.baseline import BaselineDecision
from perf_pipeline.core.model import Outcome, RunRecord, RunRequest
from perf_pipeline.defs.cancelling import terminable_by_itself
from perf_pipeline.defs.collecting import keep_end
from perf_pipeline.defs.ending import how_it_ended
from perf_pipeline.defs.kept import keep_outcome, keep_record
from perf_pipeline.defs.lost import find_lost, longest
from perf_pipeline.defs.naming import (
    DAGSTER_TAG_DUE,
    DAGSTER_TAG_OUTCOME,
    DAGSTER_TAG_PROFILE,
    DAGSTER_TAG_TARGET,
    LOAD_STEP,
    step_name,
)
from perf_pipeline.defs.owner import own
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.telling import tell_outcome
from perf_pipeline.defs.unfinished import priority_of
from perf_pipeline.defs.values import benchmark_id
from perf_pipeline.processes import started
from perf_pipeline.project import Project
from perf_pipeline.signals import Asked, watching
from perf_pipeline.store.errors import BusyError, StoreError, surely
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import BaselinePolicy, Suite, Target

CANCEL_MESSAGE = "Interrupted; everything that was started has been stopped."


@dataclass
class Ledger:
    """The store, as one Dagster run uses it. ``run_id``: the benchmark's id."""

    store: Store
    project: Project
    instance: DagsterInstance
    run: DagsterRun
    run_id: str
    announce: Callable[[StoredRun, datetime], None]  # an end without a record; never raises
    asked: Asked = field(default_factory=Asked)  # by a signal, to end
    owned: bool = False  # begun or taken over by this Dagster run, which then has to say how it ended

    def begin(self, request: RunRequest, target: Target) -> None:
        """The load is about to begin: no other may, on this host or against this target.

        Earlier benchmarks of this host whose process died are ``lost``. Raises BusyError when another one is
        under way or comes first, SupersededError when this one is not needed; nothing of it is stored then.
        """
        self._own(request, target.base_url, exclusive=True, elsewhere_since=_now() - longest(target))

    def wait_in_line(self, request: RunRequest, target: Target, for_whom: str) -> None:
        """Store that this benchmark waits for its turn. It keeps nobody out, and comes before later ones."""
        self._own(request, target.base_url, exclusive=False, waits=for_whom)

    def paused(self, request: RunRequest) -> str | None:
        """Why nothing may start on the request's target, in one sentence. Raises StoreError."""
        return self.store.paused(suite=request.suite, target=request.target)

    def turn_away(self, request: RunRequest, sentence: str) -> str:
        """Store a benchmark that must not begin as ``not_ready``. Returns the stored sentence."""
        self._own(request, None, exclusive=False)
        return self.end(Outcome.NOT_READY, sentence)

    def _own(
        self,
        request: RunRequest,
        base_url: str | None,
        *,
        exclusive: bool,
        elsewhere_since: datetime | None = None,
        waits: str | None = None,
    ) -> None:
        self._find_lost()
        owned, self.owned = self.owned, True  # before it is stored: an interrupt may come at any time
        try:
            begin = partial(
                self.store.begin_run,
                run_id=self.run_id,
                request=request,
                run_folder=str(self.project.run_folder(self.run_id)),
                owner_pid=os.getpid(),
                owner_started=started(os.getpid()),
                host=socket.gethostname(),
                at=_now(),
                base_url=base_url,
                exclusive=exclusive,
                elsewhere_since=elsewhere_since,
                waits=waits,
                priority=priority_of(self.run),
                due=_due(self.run),
            )
            surely(begin)
        except BusyError:
            self.owned = owned
            raise
        self._tag({DAGSTER_TAG_TARGET: request.target, DAGSTER_TAG_PROFILE: request.profile})

    def _find_lost(self) -> None:
        at = _now()
        for run in find_lost(self.store, at):
            self.announce(run, at)

    def end(self, outcome: Outcome, sentence: str) -> str:
        """End without a record. Returns the stored sentence, which begins with the outcome."""
        said = f"{outcome.value}: {sentence}"
        at = _now()
        ended = surely(lambda: self.store.set_outcome(self.run_id, outcome, said, at))
        self._tag({DAGSTER_TAG_OUTCOME: outcome.value})
        if ended:
            self.announce(self.store.find_run(self.run_id), at)
        return said

    def save(self, record: RunRecord, decision: BaselineDecision, policy: BaselinePolicy) -> RunRecord:
        """Store a measured run and what becomes of the baseline; returns the record as stored.

        Into its folder first: should the store not get it, whoever finds this run lost takes it from there.
        Raises StoreError.
        """
        keep_record(record)
        return surely(lambda: self.store.save_judged(record, decision, policy=policy, at=_now()))

    def resume(self) -> None:
        """A re-execution of later steps takes its benchmark over, so that its death would be seen.

        One of the load itself does not yet: that step may have to refuse, and what is known of the benchmark
        must stay then.
        """
        if self.run_id == self.run.run_id:
            return
        self._find_lost()
        known = _find(self.store, self.run_id)
        steps = {step_name(key) for key in self.run.step_keys_to_execute or ()}
        if known is not None and LOAD_STEP not in steps:
            request = RunRequest(
                suite=known.suite,
                target=known.target,
                profile=known.profile,
                revision=known.revision,
                note=known.note,
                launched_by=known.launched_by,
                confirms=known.confirms,
                follow_up=known.follow_up,
                deploy=known.deploy,
            )
            self._own(request, known.base_url, exclusive=False)

    def settle(self) -> None:
        """Called when the run is over: a benchmark that still counts as running gets its outcome."""
        known = _find(self.store, self.run_id)  # first: waits for a database that Dagster may share
        interrupted, failure = how_it_ended(self.instance, self.run, asked_to_end=bool(self.asked))
        run = self.instance.get_run_by_id(self.run.run_id)
        if interrupted and run is not None and run.status is DagsterRunStatus.STARTED:
            # Otherwise Dagster takes an interrupt that it did not send itself for a failure.
            self.instance.report_run_canceling(run, message=CANCEL_MESSAGE)
        if known is not None and known.outcome is not None:
            self._tag({DAGSTER_TAG_OUTCOME: known.outcome.value})
        elif not self.owned:
            return  # whoever is at it will say how it ended
        elif interrupted:
            where = failure or "after its last step"
            self._end_or_keep(known, Outcome.CANCELLED, f"the run was ended {where}")
        elif failure:
            self._end_or_keep(known, Outcome.INVALID, failure)
        elif known is not None:
            self.end(Outcome.CANCELLED, "only some steps were selected, and run_report was not among them")

    def _end_or_keep(self, known: StoredRun | None, outcome: Outcome, sentence: str) -> None:
        """Into the run's folder where the store is away: whoever finds this run lost takes it from there."""
        if known is not None:
            with suppress(StoreError):
                self.end(outcome, sentence)
                return
        folder = self.project.run_folder(self.run_id)
        keep_outcome(folder, self.run_id, outcome, f"{outcome.value}: {sentence}")

    def _tag(self, tags: dict[str, str]) -> None:
        """Shown in the UI's list of runs, which can be filtered by them, unless it was deleted there."""
        with suppress(DagsterRunNotFoundError):
            self.instance.add_run_tags(self.run.run_id, tags)


def _due(run: DagsterRun) -> datetime | None:
    """Of a schedule's run; None: any other, such as a re-execution, which has its tags and a person wants."""
    said = run.tags.get(DAGSTER_TAG_DUE) if run.parent_run_id is None else None
    return datetime.fromisoformat(said) if said else None


def ledger_resource(project: Project, parts: Parts, suites: Sequence[Suite]) -> ResourceDefinition:
    """One Ledger per Dagster run; its teardown settles the outcome, before that of the stack stops it.

    Then the run's folder gets what only a stack that is still up can give.
    """

    def open_ledger(context: InitResourceContext) -> Iterator[Ledger]:
        run, instance = context.run, context.instance
        if run is None or instance is None:
            raise RuntimeError("the ledger needs a Dagster run")
        own(instance, run)  # before all else: should we die, nobody else knows whose it was
        with Store(project.store_url) as store, terminable_by_itself(instance, run), watching() as asked:
            announce = partial(
                tell_outcome,
                store=store,
                stack=context.resources.running_stack,
                parts=parts,
                warn=partial(instance.report_engine_event, dagster_run=run),
            )
            ledger = Ledger(store, project, instance, run, benchmark_id(instance, run), announce, asked)
            ledger.resume()
            try:
                yield ledger
            finally:
                with capture_interrupts():  # a second Ctrl-C must not keep the outcome from being written
                    try:
                        ledger.settle()
                    finally:
                        keep_end(ledger, suites, context.resources.running_stack, parts)

    return ResourceDefinition(
        open_ledger,
        description="The store of runs, and the outcome of this one.",
        required_resource_keys={"running_stack"},
    )


def _find(store: Store, run_id: str) -> StoredRun | None:
    try:
        return store.find_run(run_id)
    except StoreError:
        return None


def _now() -> datetime:
    return datetime.now(UTC)
