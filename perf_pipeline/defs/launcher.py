"""Dagster's run launcher, taught about runs that the command line executes in its own process.

Named in dagster.yaml, so it lives in the webserver and the daemon: "Terminate" works for such a run (see
``cancelling``), and run monitoring notices one whose process has died, which would otherwise be shown as
running for ever and keep its place in the pool.
"""

from __future__ import annotations

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from perf_pipeline.defs.owner import is_owned, owner_has_died


class LocalRunLauncher(DefaultRunLauncher):
    """Launches as Dagster's default does; knows the owner of runs that it has not launched."""

    def terminate(self, run_id: str) -> bool:
        """False when the run cannot be ended, as Dagster defines it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not _from_command_line(run):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)  # its process looks for this every two seconds
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """A code server watches over its own runs; of ours, the process is looked up."""
        if _from_command_line(run) and owner_has_died(run):
            return CheckRunHealthResult(WorkerStatus.FAILED, "its process ended without saying how")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def _from_command_line(run: DagsterRun) -> bool:
    return is_owned(run) and GRPC_INFO_TAG not in run.tags
