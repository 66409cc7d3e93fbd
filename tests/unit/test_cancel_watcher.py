"""A run of this process that is ended in the UI, in any of the ways that there are, is interrupted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.test_utils import create_run_for_test

from perf_pipeline.defs import cancelling
from perf_pipeline.defs.cancelling import terminable
from perf_pipeline.signals import insisting

PATIENCE_S = 20.0
LOOK_EVERY_S = 0.02

Ended = Callable[[DagsterInstance, DagsterRun], object]


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setattr(cancelling, "LOOK_EVERY_S", LOOK_EVERY_S)
    with DagsterInstance.ephemeral() as one:
        yield one


def force_termination(instance: DagsterInstance, run: DagsterRun) -> None:
    """As "Force termination immediately" does: canceling, and at once canceled."""
    instance.report_run_canceling(run)
    instance.report_run_canceled(run)


ENDED: dict[str, Ended] = {
    "terminated": DagsterInstance.report_run_canceling,
    "terminated at once": force_termination,
    "deleted": lambda instance, run: instance.delete_run(run.run_id),
}


@pytest.mark.parametrize("how", ENDED)
def test_a_run_is_interrupted_that_is(instance: DagsterInstance, how: str) -> None:
    run = create_run_for_test(instance)
    ENDED[how](instance, run)
    with pytest.raises(KeyboardInterrupt), insisting(), terminable(instance, run.run_id):
        time.sleep(PATIENCE_S)


@pytest.mark.parametrize("how", ["terminated at once", "deleted"])
def test_a_run_that_was_interrupted_already_is_let_end_in_peace(instance: DagsterInstance, how: str) -> None:
    run = create_run_for_test(instance)
    with insisting() as asked:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        deadline = time.monotonic() + PATIENCE_S
        while not asked and time.monotonic() < deadline:
            time.sleep(0.01)
        ENDED[how](instance, run)
        looked: list[str] = []
        get_run_by_id = instance.get_run_by_id
        instance.get_run_by_id = lambda run_id: looked.append(run_id) or get_run_by_id(run_id)  # type: ignore[method-assign,func-returns-value]
        with terminable(instance, run.run_id):
            while len(looked) < 3 and time.monotonic() < deadline:
                time.sleep(LOOK_EVERY_S)
        assert len(looked) >= 3
