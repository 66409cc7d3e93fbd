"""Dagster's run launcher, taught who executes a run.

Named in dagster.yaml, so it lives in the webserver and the daemon: "Terminate" works for a run that the
command line executes in its own process (see ``cancelling``), and run monitoring notices every run whose
process has died, which would otherwise be shown as running for ever and keep its place in the pool.
"""

from __future__ import annotations

from contextlib import suppress

from dagster import DagsterRun, DagsterRunStatus, DefaultRunLauncher
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from perf_pipeline.defs.owner import from_command_line, owner_has_died


class LocalRunLauncher(DefaultRunLauncher):
    """Launches as Dagster's default does; knows the owner of runs, also of those it has not launched."""

    def terminate(self, run_id: str) -> bool:
        """False when the run cannot be ended, as Dagster defines it."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished and from_command_line(run):
            self._instance.report_run_canceling(run)  # its process looks for this every two seconds
            return True
        with suppress(DagsterUserCodeUnreachableError):  # its code server has died
            super().terminate(run_id)  # type: ignore[no-untyped-call]
        # Marked as canceling it ends also when nobody could be told: its process looks for that, too.
        now = self._instance.get_run_by_id(run_id)
        return now is not None and now.status in (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """The process is looked up: a code server that should watch over it may have died, too."""
        if owner_has_died(run):
            return CheckRunHealthResult(WorkerStatus.FAILED, "its process ended without saying how")
        return CheckRunHealthResult(WorkerStatus.RUNNING)
