"""The stack as one Dagster run uses it: started by a step, stopped when the run is over, however it ends."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path

from dagster import ResourceDefinition
from dagster._utils.interrupts import capture_interrupts

from perf_pipeline.core.model import RunRequest, StackState
from perf_pipeline.defs.parts import Parts
from perf_pipeline.project import Project
from perf_pipeline.stack.base import NotReady, Stack
from perf_pipeline.suite import Suite


class RunningStack:
    """Knows whether the stack was started in this run: a re-execution of later steps finds it gone."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.started = False

    @property
    def notes(self) -> list[str]:
        return self._stack.notes

    @property
    def prometheus_url(self) -> str | None:
        """Of the Prometheus that should be up at this moment; None: there is none."""
        return self._stack.prometheus_url

    @property
    def prometheus_data(self) -> Path | None:
        """Data folder of that Prometheus, if it is the run's own and may be asked for a snapshot."""
        return self._stack.prometheus_data

    def take_host(self, run_id: str) -> None:
        """Keep other benchmarks off this host until ``stop``. Raises NotReady."""
        self._stack.take_host(run_id)

    def start(self, *, suite: Suite, request: RunRequest, run_id: str, run_folder: Path) -> StackState:
        """Raises NotReady."""
        state = self._stack.start(suite=suite, request=request, run_id=run_id, run_folder=run_folder)
        self.started = True
        return state

    def with_prometheus(self, state: StackState) -> StackState:
        """The state with the URL of a Prometheus that answers.

        Unchanged where the run's own Prometheus has gone and does not come back: the snapshot names the loss.
        Raises NotReady in a re-execution, which can be made again.
        """
        try:
            url = self._stack.ensure_prometheus(state)
        except NotReady:
            if not self.started:
                raise
            return state
        return state.model_copy(update={"prometheus_url": url})

    def stop(self) -> None:
        """Not interrupted by a second Ctrl-C; may be called twice."""
        with capture_interrupts():
            self._stack.stop()


def running_stack_resource(project: Project, parts: Parts) -> ResourceDefinition:
    """One RunningStack per Dagster run, which is stopped at the end of the run."""

    def hold_stack() -> Iterator[RunningStack]:
        running = RunningStack(parts.stack(project))
        atexit.register(
            running.stop
        )  # Dagster skips a teardown when an interrupt waits at its very beginning
        try:
            yield running
        finally:
            running.stop()
            atexit.unregister(running.stop)

    return ResourceDefinition(
        lambda _: hold_stack(), description="Prometheus and the target; stopped with the run."
    )
