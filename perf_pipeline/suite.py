"""The suite: what is measured, what is promised, how much load, against which targets.

These are the values after reading; ``suite_file`` reads and validates ``k6/<suite>/suite.yaml``. Units are
parsed away: durations are ``_ms`` or ``_s``, shares ``_ratio``, rates ``_per_s``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from perf_pipeline.core.frozen import Frozen

REFERENCE_BACKEND = "reference-backend"
USUAL_PROFILE = "standard"
LOCAL = "local"  # the target whose schedules and deploys are on from the start
AUTOMATIC, MANUAL = "automatic", "manual"
MOST_RUNS = 3  # of one revision for one verdict


class DeploySource(StrEnum):
    """Where a deploy is seen."""

    MARKER = "marker"  # `perf-pipeline deploy`, called by whoever deploys
    VERSION = "version"  # the target's own version endpoint
    PROMETHEUS = "prometheus"  # a build-info metric
    GITHUB = "github"  # its deployments


class Objectives(Frozen):
    """What is promised for one endpoint. Latency is of successful requests."""

    p95_ms: float
    p50_ms: float | None = None
    error_ratio: float  # share of requests without the expected answer that is still acceptable


class Endpoint(Frozen):
    """One measured kind of request."""

    name: str
    method: str
    path: str  # as in the contract, with {placeholders}; not a URL
    weight: float  # calls per iteration of the scenario; 0.5: every second iteration
    metric: str  # the k6 Trend with the latency of its successful requests
    record: str  # its short name in the recorded SLO, ``slo:<record>:p95_under_300ms``
    slo: Objectives

    def calls_in(self, iterations: int) -> int:
        """How often so many iterations call it.

        Iteration i calls an endpoint of weight w ``floor((i + 1) * w) - floor(i * w)`` times, so n iterations
        call it ``floor(n * w)`` times.
        """
        return int(iterations * self.weight + 1e-9)


class MinSamples(Frozen):
    """Fewest successful requests from which a quantile of one endpoint is taken seriously."""

    p50: int = 50
    p95: int = 200


class Stage(Frozen):
    """A stretch of constant arrival rate; the rate steps, it does not ramp."""

    duration_s: float
    rate_per_s: float  # iterations started per second


class Profile(Frozen):
    """How much load. Either ``stages`` (open model, fixed arrivals) or ``users`` (closed model)."""

    name: str
    description: str = ""
    warmup_s: float
    stages: tuple[Stage, ...] = ()
    users: int | None = None
    users_duration_s: float | None = None  # closed model only
    pace_s: float | None = None  # closed model: an iteration of a user takes at least this long
    max_users: int  # users that may be in flight at once (k6's maxVUs)
    min_samples: MinSamples = MinSamples()

    @property
    def duration_s(self) -> float:
        """Length of the measured phase."""
        return self.users_duration_s or sum(stage.duration_s for stage in self.stages)

    @property
    def planned_iterations(self) -> int | None:
        """Iterations of the measured phase; None in a closed model, where the target decides."""
        if self.users is not None:
            return None
        return round(sum(stage.duration_s * stage.rate_per_s for stage in self.stages))

    @property
    def peak_rate_per_s(self) -> float | None:
        """Highest iteration rate; None in a closed model without pace."""
        if self.users is not None:
            return self.users / self.pace_s if self.pace_s else None
        return max(stage.rate_per_s for stage in self.stages)


class JsonPlace(Frozen):
    """Where a target says something of itself: a path to GET and an RFC 6901 pointer into the JSON answer."""

    path: str
    pointer: str


class Schedule(Frozen):
    """When a run starts by itself."""

    name: str
    cron: str  # minute, hour, day of month, month, day of week
    timezone: str  # an IANA name, such as Asia/Taipei
    profile: str
    enabled: bool = False  # from the start; a person may switch it in Dagster's UI


class PrometheusPlace(Frozen):
    """Where a Prometheus says which revision runs."""

    url: str  # exact origin
    query: str  # such as shop_build_info; one series for each replica
    label: str  # of its series, that holds the revision


class GithubPlace(Frozen):
    """Whose deployments on GitHub are meant."""

    repository: str  # owner/name
    environment: str
    token_from_env: str | None  # name of the variable; None: a public repository, asked without
    api: str  # exact origin, GitHub Enterprise has its own


class Deploys(Frozen):
    """How deploys of a target are seen, and what is run after one. Markers count whatever the source."""

    source: DeploySource
    profile: str
    settle_s: float  # from its first sight until the new revision is measured
    enabled: bool = False  # the sensor looks at it
    version: JsonPlace | None = None  # of source version
    prometheus: PrometheusPlace | None = None  # of source prometheus
    github: GithubPlace | None = None  # of source github


class Target(Frozen):
    """Where the load goes, and how much of it may go there."""

    name: str
    base_url: str | None  # exact origin; None: the reference backend, started by the embedded stack
    health_path: str
    revision: JsonPlace | None = None
    data_volume: JsonPlace | None = None
    headers_from_env: dict[str, str] = Field(default_factory=dict)  # header -> variable with its value
    max_requests_per_s: float
    max_users: int
    max_duration_s: float
    schedules: tuple[Schedule, ...] = ()
    deploys: Deploys | None = None  # None: only markers count, and the usual profile is run
    # A fixed-work process that is loaded in the same run. True: ours, started for the run where the generator
    # runs; a text: the exact origin of one that runs beside the target.
    control: bool | str = False

    def missing_secrets(self, environment: Mapping[str, str]) -> list[str]:
        """Names of the variables that its request headers need and that are not set, or empty."""
        return sorted(name for name in self.headers_from_env.values() if not environment.get(name))


class ArchivePolicy(Frozen):
    """What is kept of ended runs; runs in a baseline are always kept."""

    keep_s: float = 400 * 86_400.0
    runs: int = 1000  # the newest ones of each target
    tsdb: bool = True  # with a snapshot of the run's own Prometheus


class BaselinePolicy(Frozen):
    """Which runs a candidate is compared with."""

    accept: str = AUTOMATIC  # or manual: only ``perf-pipeline baseline accept``
    improvements: str = AUTOMATIC  # one that was confirmed begins the baseline anew; or manual, as above
    keep: int = 10  # the newest accepted runs that count
    minimum: int = 1  # fewer: no_baseline


class VerdictSettings(Frozen):
    """What size of effect matters, in shares of the baseline; ``floor_ms`` guards fast endpoints."""

    floor_ratio: float = 0.03
    floor_ms: float = 1.0
    tolerance_p50_ratio: float = 0.10  # "unchanged": the interval lies within
    tolerance_p95_ratio: float = 0.20
    runs: int = MOST_RUNS  # of one revision, at most, until the verdict is final; 1: no run is confirmed


class Suite(Frozen):
    name: str
    description: str
    folder: Path  # absolute; holds the suite file, the script and its fixtures
    script: str  # file name inside the folder
    endpoints: dict[str, Endpoint]
    profiles: dict[str, Profile]
    targets: dict[str, Target]
    allowed_origins: tuple[str, ...]
    baseline: BaselinePolicy = BaselinePolicy()
    verdict: VerdictSettings = VerdictSettings()
    archive: ArchivePolicy = ArchivePolicy()
    owners: tuple[str, ...] = ()  # as Dagster shows them: an e-mail address, or team:name

    @property
    def default_target(self) -> str:
        """Where the load of a run goes that names no target: the first in the file."""
        return next(iter(self.targets))

    @property
    def default_profile(self) -> str:
        """How much load a run sends that names no profile: ``standard``, else the first in the file."""
        return USUAL_PROFILE if USUAL_PROFILE in self.profiles else next(iter(self.profiles))

    @property
    def requests_per_iteration(self) -> float:
        """Requests that one iteration sends on average: the sum of the weights."""
        return sum(endpoint.weight for endpoint in self.endpoints.values())

    def planned_requests(self, profile: Profile) -> dict[str, int] | None:
        """Endpoint -> measured requests the plan holds; None in a closed model."""
        iterations = profile.planned_iterations
        if iterations is None:
            return None
        return {name: endpoint.calls_in(iterations) for name, endpoint in self.endpoints.items()}
