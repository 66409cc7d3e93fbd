"""What a calibration found. Shares are fractions of one; immutable, and JSON as they are."""

from __future__ import annotations

from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.tally import Share


class Rate(Frozen):
    """``count`` of ``of``, with Wilson's 95 % interval; all None when there was nothing to count."""

    count: int
    of: int
    ratio: float | None
    low: float | None
    high: float | None

    @classmethod
    def of_share(cls, share: Share) -> Rate:
        known = share.of > 0
        return cls(
            count=int(share.count),
            of=share.of,
            ratio=share.ratio if known else None,
            low=share.low if known else None,
            high=share.high if known else None,
        )


class QuantileNoise(Frozen):
    """How much identical runs differ in one quantile of one endpoint: standard deviations of log latency."""

    noise_ratio: float
    within_ratio: float  # of chance within a run; more samples shrink it
    between_ratio: float  # of what differs between runs; only more runs average it out
    detectable_ratio: float  # the smallest slowdown found in four of five cases, with the baseline of now


class EndpointCalibration(Frozen):
    endpoint: str
    samples: int  # per run, the median
    p50: QuantileNoise | None  # None: too few samples
    p95: QuantileNoise | None
    false_alarms: int
    power: dict[str, Rate]  # name of the injected slowdown -> how often it was found


class Schedule(Frozen):
    """What another way of running would see: the endpoint in the middle, and the worst one."""

    run_s: float
    samples_times: float  # samples per run, against those of now
    baseline_runs: int
    p50_ratio: float
    p50_worst_ratio: float
    p95_ratio: float
    p95_worst_ratio: float


class Calibration(Frozen):
    """The judge replayed over the history of one fingerprint."""

    runs: int
    revisions: int
    baseline_runs: int  # in each replayed verdict
    replayed: int  # verdicts on identical runs
    false_alarms: Rate
    false_improved: Rate
    inconclusive_ratio: float | None
    p50_covered: Rate
    p95_covered: Rate
    p50_half_width: float | None
    p95_half_width: float | None
    runs_per_verdict: float | None
    endpoints: list[EndpointCalibration]
    power: dict[str, Rate]  # over all endpoints
    collateral: Rate  # an alarm on another endpoint than the slowed one
    schedules: list[Schedule]
    recommended: Schedule | None
    advice: list[str]  # sentences without a full stop, the recommendation first
    problems: list[str]  # why figures are missing or rough
