"""What a benchmark is started with: the typed run config, and the sentences for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from dagster import Config, DagsterRun
from pydantic import Field

from perf_pipeline.conventions import SUITE_FILE, SUITE_JSON
from perf_pipeline.core.model import RunRequest
from perf_pipeline.load.errors import CapExceededError
from perf_pipeline.load.limits import check_caps
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.suite import Suite

TAG_LAUNCHED_BY = "perf/launched_by"
_DAGSTERS_OWN = (("dagster/schedule_name", "schedule"), ("dagster/sensor_name", "sensor"), ("user", "user"))


class ConfigurationError(Exception):
    """What was asked for does not exist; nothing was started. The text is one sentence."""


class BenchmarkConfig(Config):
    """Config of ``monitoring_stack``: what to run. The suite is the job's."""

    target: str = Field(default="local", description="Name of a target of the suite.")
    profile: str = Field(default="standard", description="Name of a load profile of the suite.")
    revision: str | None = Field(
        default=None,
        description="Revision that the target must report. Empty: take whatever it reports.",
    )
    note: str = Field(default="", description="Why this run was made; shown in the report.")

    @classmethod
    def of(cls, request: RunRequest) -> BenchmarkConfig:
        return cls(
            target=request.target, profile=request.profile, revision=request.revision, note=request.note
        )

    def request(self, suite: Suite, *, launched_by: str) -> RunRequest:
        """Raises ConfigurationError for a target or profile that the suite has not."""
        request = RunRequest(
            suite=suite.name,
            target=self.target,
            profile=self.profile,
            revision=self.revision or None,
            note=self.note,
            launched_by=launched_by,
        )
        check_request(suite, request)
        return request


def check_request(suite: Suite, request: RunRequest) -> None:
    """Raises ConfigurationError for a target or profile that the suite has not, a load beyond the target's
    limits, and an outdated plan.
    """
    for kind, name, known in (
        ("target", request.target, suite.targets),
        ("profile", request.profile, suite.profiles),
    ):
        if name not in known:
            raise ConfigurationError(_unknown(f"suite {suite.name} has no {kind}", name, known))
    plan = suite.folder / SUITE_JSON
    if not plan.is_file() or plan.read_text() != suite_json(suite):
        raise ConfigurationError(
            f"{plan}, which k6 reads, does not agree with {SUITE_FILE} beside it: "
            "run `perf-pipeline generate`"
        )
    try:
        check_caps(suite, suite.targets[request.target], suite.profiles[request.profile])
    except CapExceededError as error:
        raise ConfigurationError(str(error)) from None


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    advice = f"did you mean '{close[0]}'?" if close else "choose one of these"
    return f"{what} '{name}' (there is {', '.join(names)}): {advice}"


def launched_by(run: DagsterRun) -> str:
    """Who or what started a Dagster run."""
    if run.parent_run_id is not None:
        return f"re-execution of {run.parent_run_id[:8]}"  # whose tags it has, copied
    if TAG_LAUNCHED_BY in run.tags:
        return run.tags[TAG_LAUNCHED_BY]
    for tag, kind in _DAGSTERS_OWN:
        if tag in run.tags:
            return f"{kind} {run.tags[tag]}"
    return "Dagster's UI"
