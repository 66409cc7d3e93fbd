"""How a Dagster run ended, read from its own events."""

from __future__ import annotations

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.execution.plan.objects import ErrorSource, StepFailureData
from dagster_shared.error import SerializableErrorInfo

from perf_pipeline.defs.naming import step_name


def how_it_ended(instance: DagsterInstance, run: DagsterRun, *, asked_to_end: bool) -> tuple[bool, str]:
    """Whether it was interrupted, and ``in <step>[: <error>]`` of the first step that did not succeed.

    Empty when all steps succeeded. ``asked_to_end``: a signal came, wherever it was raised.
    """
    run = instance.get_run_by_id(run.run_id) or run
    entries = instance.all_logs(
        run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SUCCESS}
    )
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    failures = [event for event in events if event.event_type is DagsterEventType.STEP_FAILURE]
    canceling = run.status in (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED)
    if failures:
        data, step = failures[0].step_failure_data, step_name(failures[0].step_key)
        if canceling or data.error_source is ErrorSource.INTERRUPT:
            return True, f"in step {step}"
        internal = "" if said_by_us(data) else "internal error "
        return False, f"{internal}in step {step}: {failure_sentence(data)}"
    if {event.step_key for event in events}.issuperset(run.step_keys_to_execute or ()):
        return canceling, ""
    if canceling or asked_to_end:
        return True, "between two steps"
    return False, "between two steps by Dagster itself, whose log says why (its database may have been away)"


def said_by_us(data: StepFailureData) -> bool:
    """The step failed with a sentence for people, a ``Failure``; otherwise something broke."""
    return bool(data.user_failure_data and data.user_failure_data.description)


def failure_sentence(data: StepFailureData) -> str:
    """What went wrong in a step, in one line: what a ``Failure`` said, or the innermost exception."""
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error: SerializableErrorInfo | None = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return " ".join(error.message.split()) if error is not None else "unknown"
