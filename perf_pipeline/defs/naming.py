"""What Dagster calls our things: tags of runs, jobs, steps."""

from __future__ import annotations

# Tags of a run. The UI shows them in its list of runs, which can be filtered by them.
DAGSTER_TAG_SUITE = "perf/suite"
DAGSTER_TAG_TARGET = "perf/target"
DAGSTER_TAG_PROFILE = "perf/profile"
DAGSTER_TAG_OUTCOME = "perf/outcome"
DAGSTER_TAG_LAUNCHED_BY = "perf/launched_by"
DAGSTER_TAG_DUE = "perf/due"  # when a schedule's run was due
DAGSTER_TAG_SERIES = "perf/series"  # id of the first run; of a run that confirms it
DAGSTER_TAG_SERIES_NUMBER = "perf/series_number"
DAGSTER_TAG_DEPLOY = "perf/deploy"  # number of the deploy that it follows
DAGSTER_TAG_REVISION = "perf/revision"  # that was deployed
DAGSTER_TAG_PREVIOUS_REVISION = "perf/previous_revision"
DAGSTER_TAG_DEPLOY_SOURCE = "perf/deploy_source"
# Host, pid and start time (Unix seconds) of the process that executes it; the UI shows no tag that begins so.
DAGSTER_TAG_OWNER = ".dagster/perf_owner"

# Whatever an instance says under `run_retries`: a second load is another benchmark, which somebody asks for.
NEVER_RETRIED = {"dagster/max_retries": "0"}

# The order in which runs that wait begin: Dagster's tag ``dagster/priority``, the higher first. A run that a
# person starts in the UI carries none, which counts as 0.
PRIORITY_CONFIRMATION = 10  # neighbouring runs resemble each other: at once, before the target changes
PRIORITY_PERSON = 0
PRIORITY_DEPLOY = -10
PRIORITY_SCHEDULE = -20

FIRST_STEP = "monitoring_stack"
LOAD_STEP = "load_test"
REPORT_STEP = "run_report"

CONFIRMATION = "confirmation"  # who launched a run that the sensor started
DEPLOY = "deploy"  # who launched a run that follows one


def job_name(suite_name: str) -> str:
    """The job that runs one benchmark of a suite."""
    return f"benchmark_{suite_name}"


def schedule_name(suite_name: str, target: str, schedule: str) -> str:
    """``multiplayer``, ``local``, ``nightly`` -> ``multiplayer__local__nightly``."""
    return f"{suite_name}__{target}__{schedule}"


def step_key(suite_name: str, step: str) -> str:
    """``multiplayer``, ``load_test`` -> ``multiplayer__load_test``."""
    return f"{suite_name}__{step}"


def step_name(step_key: str | None) -> str:
    """``multiplayer__load_test`` -> ``load_test``."""
    return (step_key or "").rpartition("__")[2]
