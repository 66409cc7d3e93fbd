"""A run of the command line that is ended in Dagster's UI other than by "Terminate". It sends no load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster_parts as parts
import pytest
from dagster import DagsterInstance

from perf_pipeline import conventions as names
from perf_pipeline.core.model import Outcome
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.project import find_project
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.store.repository import Store

WAITING = """
import sys
from pathlib import Path
from perf_pipeline.core.model import RunRequest
from perf_pipeline.defs.launch import run_benchmark
request = RunRequest.model_validate_json(sys.argv[1])
say = lambda line: print("waits", flush=True)
result = run_benchmark(request.suite, request, home=Path(sys.argv[2]), on_waiting=say, wait_s=120)
print("cancelled" if result.cancelled else result, flush=True)
"""


def force_termination(instance: DagsterInstance, run_id: str) -> None:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_run_canceling(run)
    instance.report_run_canceled(run)


@pytest.mark.parametrize("end", [force_termination, DagsterInstance.delete_run])
def test_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Callable[[DagsterInstance, str], None]
) -> None:
    root = parts.make_project(tmp_path)
    for name, value in parts.environment(root, **{names.ENV_LOCK: str(root / "lock")}).items():
        monkeypatch.setenv(name, value)
    prepare_dagster_home(root / "home")
    other = HostLock(root / "lock")
    other.take("other")
    try:
        with (
            DagsterInstance.get() as instance,
            subprocess.Popen(
                [sys.executable, "-c", WAITING, parts.request().model_dump_json(), str(root / "home")],
                cwd=parts.SOURCE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            parts.wait_for_line(process, "waits")
            (run,) = instance.get_runs()
            end(instance, run.run_id)
            out, err = process.communicate(timeout=60)
        assert out.splitlines()[-1:] == ["cancelled"], err
        with Store(find_project().store_url) as store:
            assert store.find_run(run.run_id).outcome is Outcome.CANCELLED
    finally:
        other.release()
