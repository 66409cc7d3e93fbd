"""What a benchmark is started with: the typed run config."""

from __future__ import annotations

from dagster import Config, DagsterRun
from pydantic import Field

from perf_pipeline.core.model import FollowUp, RunRequest
from perf_pipeline.defs.asking import ConfigurationError, check_request
from perf_pipeline.defs.naming import DAGSTER_TAG_LAUNCHED_BY
from perf_pipeline.suite import USUAL_PROFILE, Suite

_DAGSTERS_OWN = (("dagster/schedule_name", "schedule"), ("dagster/sensor_name", "sensor"), ("user", "user"))


class BenchmarkConfig(Config):
    """Config of ``monitoring_stack``: what to run. The suite is the job's."""

    target: str | None = Field(
        default=None, description="Name of a target of the suite. Empty: the first in its file."
    )
    profile: str | None = Field(
        default=None,
        description="Name of a load profile of the suite. "
        f"Empty: {USUAL_PROFILE} where there is one, else the first in its file.",
    )
    revision: str | None = Field(
        default=None,
        description="Revision that the target must report. Empty: take whatever it reports.",
    )
    note: str = Field(default="", description="Why this run was made; shown in the report.")
    confirms: str | None = Field(
        default=None,
        description="Id of the first run of the series that this one is judged with. Empty: it is that one.",
    )
    follow_up: str = Field(
        default=FollowUp.SENSOR.value,
        description="Who starts one more run of the revision, should this one ask for it: "
        "`sensor` (where Dagster's daemon runs), `caller` (who waits for this one) or `nobody`.",
    )
    wait_s: float | None = Field(
        default=None,
        description="How long it waits for another benchmark to end, in seconds. "
        "Empty: as long as the longest run of the suite can take.",
    )
    despite_pause: bool = Field(
        default=False, description="Run although the suite or target is paused (`perf-pipeline pause`)."
    )

    deploy: int | None = Field(
        default=None,
        description="Number of the deploy that this run follows (`perf-pipeline deploys` lists them): it is "
        "compared with runs from before that deploy. Empty: it follows none.",
    )

    @classmethod
    def of(
        cls, request: RunRequest, *, wait_s: float | None = None, despite_pause: bool = False
    ) -> BenchmarkConfig:
        """The config that asks for what ``request`` asks for."""
        return cls(
            target=request.target,
            profile=request.profile,
            revision=request.revision,
            note=request.note,
            confirms=request.confirms,
            follow_up=request.follow_up.value,
            deploy=request.deploy.number if request.deploy else None,
            wait_s=wait_s,
            despite_pause=despite_pause,
        )

    def request(self, suite: Suite, *, launched_by: str) -> RunRequest:
        """Raises ConfigurationError for a target or profile that the suite has not."""
        request = RunRequest(
            suite=suite.name,
            target=self.target or suite.default_target,
            profile=self.profile or suite.default_profile,
            revision=self.revision or None,
            note=self.note,
            launched_by=launched_by,
            confirms=self.confirms or None,
            follow_up=self._follow_up(),
        )
        check_request(suite, request)
        return request

    def _follow_up(self) -> FollowUp:
        try:
            return FollowUp(self.follow_up)
        except ValueError:
            raise ConfigurationError(
                f"follow_up '{self.follow_up}' is unknown: there is {', '.join(FollowUp)}"
            ) from None


def launched_by(run: DagsterRun) -> str:
    """Who or what started a Dagster run."""
    if run.parent_run_id is not None:
        return f"re-execution of {run.parent_run_id[:8]}"  # whose tags it has, copied
    if DAGSTER_TAG_LAUNCHED_BY in run.tags:
        return run.tags[DAGSTER_TAG_LAUNCHED_BY]
    for tag, kind in _DAGSTERS_OWN:
        if tag in run.tags:
            return f"{kind} {run.tags[tag]}"
    return "Dagster's UI"
