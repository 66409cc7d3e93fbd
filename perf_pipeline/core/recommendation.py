"""From the noise of a history to the schedule that sees a change: run length, rate, number of runs. Pure.

The noise of an endpoint has two parts. Chance within a run shrinks with the number of samples, that is with a
longer run or a higher rate. What differs between runs does not: only more runs average it out. So
the variance of a run with ``times`` as many samples is within / times + between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from perf_pipeline.core import looks
from perf_pipeline.core.calibration_model import EndpointCalibration, QuantileNoise, Schedule
from perf_pipeline.core.effects import LARGEST_LOG, Effects
from perf_pipeline.core.noise import Noise
from perf_pipeline.core.quantiles import Floats
from perf_pipeline.core.wording import count, listing, percent
from perf_pipeline.suite import MOST_RUNS, VerdictSettings

TIMES = (1.0, 2.0, 4.0)
BASELINE_RUNS = (3, 5, 8, 12, 20)
_MOSTLY = 0.5  # of the variance


def quantile_noise(
    noises: Sequence[Noise], endpoints: int, settings: VerdictSettings, baseline_runs: int
) -> list[list[QuantileNoise | None]]:
    """Per quantile and endpoint, with the baseline of now."""
    rows = []
    for row, noise in enumerate(noises):
        seen = detectable(noise, row, endpoints, settings, times=1.0, baseline_runs=baseline_runs)
        rows.append([_noise(noise, place, float(seen[place])) for place in range(endpoints)])
    return rows


def _noise(noise: Noise, place: int, seen: float) -> QuantileNoise | None:
    if not (math.isfinite(noise.level[place]) and math.isfinite(seen)):
        return None
    variance, within = float(noise.variance[place]), float(noise.error[place]) ** 2
    return QuantileNoise(
        noise_ratio=math.sqrt(variance),
        within_ratio=math.sqrt(min(within, variance)),
        between_ratio=math.sqrt(max(variance - within, 0.0)),
        detectable_ratio=seen,
    )


def detectable(
    noise: Noise, row: int, endpoints: int, settings: VerdictSettings, *, times: float, baseline_runs: int
) -> Floats:
    """The smallest slowdown found in four of five cases, as a share, per endpoint; ``row``: p50 0, p95 1.

    For runs with ``times`` as many samples, on a machine as it usually is.
    """
    number = len(noise.level)
    within = np.minimum(noise.error**2, noise.variance)
    between = noise.variance - within
    grown = noise.degrees * np.maximum(baseline_runs - 1, 1) / np.maximum(noise.runs - 1, 1)
    planned = replace(
        noise,
        variance=between + within / times,
        error=noise.error / math.sqrt(times),
        runs=np.full(number, baseline_runs),
        degrees=np.maximum(grown, 1.0),
    )
    nothing = np.zeros(number)
    effects = Effects(
        noise=planned,
        runs=np.ones(number, np.int64),
        near=looks.NEAR,
        larger=nothing,
        total=nothing,
        common=nothing,
        effect=nothing,
        error=np.sqrt(planned.variance * (1 + 1 / baseline_runs)),
    )
    most = min(max(settings.runs, 1), MOST_RUNS)
    weights = float(looks.WEIGHTS[row, 0]), float(endpoints * looks.WEIGHTS.sum())
    log = looks.smallest_seen(effects, looks.ALARMS[most], weights, most)
    margin = math.log1p(looks.P95_MARGIN_SHARE * settings.tolerance_p95_ratio) if row else 0.0
    seen: Floats = np.maximum(np.expm1(np.minimum(log + margin, LARGEST_LOG)), settings.floor_ratio)
    return seen[:endpoints]


def schedules(
    noises: Sequence[Noise], endpoints: int, settings: VerdictSettings, run_s: float
) -> list[Schedule]:
    """What each number of samples and of baseline runs would see; the cheapest first."""
    found = []
    for times in TIMES:
        for baseline_runs in BASELINE_RUNS:
            p50, p95 = (
                detectable(noise, row, endpoints, settings, times=times, baseline_runs=baseline_runs)
                for row, noise in enumerate(noises)
            )
            if not (np.isfinite(p50).any() and np.isfinite(p95).any()):
                continue
            found.append(
                Schedule(
                    run_s=run_s * times,
                    samples_times=times,
                    baseline_runs=baseline_runs,
                    p50_ratio=float(np.nanmedian(p50)),
                    p50_worst_ratio=float(np.nanmax(p50)),
                    p95_ratio=float(np.nanmedian(p95)),
                    p95_worst_ratio=float(np.nanmax(p95)),
                )
            )
    return found


def recommend(found: Sequence[Schedule], settings: VerdictSettings) -> Schedule | None:
    """The cheapest that sees, at every endpoint, what is beyond the tolerance; else the one that sees most.

    Beyond a few per cent a longer run or more runs buy next to nothing: of two that see about the same, the
    cheaper one.
    """
    if not found:
        return None
    goals = settings.tolerance_p50_ratio, settings.tolerance_p95_ratio
    for one in found:
        if one.p50_worst_ratio <= goals[0] and one.p95_worst_ratio <= goals[1]:
            return one
    best = min(_short(one, goals) for one in found)
    return next(one for one in found if _short(one, goals) <= 1.1 * best)


def _short(one: Schedule, goals: tuple[float, float]) -> float:
    """How many times larger than the goals the changes are that it sees."""
    return max(one.p50_worst_ratio / goals[0], one.p95_worst_ratio / goals[1])


def advice(
    chosen: Schedule | None, endpoints: Sequence[EndpointCalibration], settings: VerdictSettings
) -> list[str]:
    """Sentences without a full stop: the schedule, why, and what it will not see."""
    if chosen is None:
        return []
    times = f"{chosen.samples_times:.0f} times"
    longer = (
        f"runs {times} as long ({chosen.run_s:.0f} s measured), or at {times} the rate where that is real"
    )
    length = f"runs as long as now ({chosen.run_s:.0f} s measured) at the rate of now"
    said = [
        f"recommended: {length if chosen.samples_times == 1 else longer}, and "
        f"{count(chosen.baseline_runs, 'baseline run')}: sees slowdowns of {percent(chosen.p50_worst_ratio)} "
        f"in p50 and {percent(chosen.p95_worst_ratio)} in p95 at every endpoint"
    ]
    for quantile, tolerance in (("p50", settings.tolerance_p50_ratio), ("p95", settings.tolerance_p95_ratio)):
        noises = {one.endpoint: getattr(one, quantile) for one in endpoints}
        known = {name: noise for name, noise in noises.items() if noise is not None}
        if known:
            said.append(_split(quantile, list(known.values())))
        blind = [name for name, noise in known.items() if noise.detectable_ratio > tolerance]
        if blind:
            verb = "is" if len(blind) == 1 else "are"
            said.append(f"{listing(blind, 4)} {verb} too noisy now to see {percent(tolerance)} in {quantile}")
    return said


def _split(quantile: str, noises: Sequence[QuantileNoise]) -> str:
    """Whether longer runs help."""
    shares = [noise.within_ratio**2 / noise.noise_ratio**2 for noise in noises if noise.noise_ratio > 0]
    share = float(np.median(shares)) if shares else 0.0
    part = f"chance within a run is {percent(share)} of the noise of {quantile}"
    if share > _MOSTLY:
        return f"{part}: a longer run or a higher rate shrinks it"
    return f"{part}: a longer run shrinks little of it, more runs or a quieter machine do"
