"""Is this run slower than its baseline? One verdict per endpoint, with the effect, its interval and the noise.

The seam: ``compare`` is a pure function from baseline samples and candidate samples to a ``Judgement``. Nothing
outside this module and ``core.noise`` knows how the judgement is reached, so that its inside can be replaced.

How it is reached, in steps:

1. p50 and p95 of each endpoint and run, in logarithms; an effect is the candidate's less the mean of the baseline's.
2. What all endpoints have in common is taken away: the median over endpoints of the effects. A median, so that one
   slowed endpoint does not make the others look faster. The same is done in each baseline run. With fewer than
   three endpoints it cannot be done, and the judgement says so.
3. The noise is the spread of the baseline runs after step 2, with a floor (``core.noise``), or what the run's own
   samples allow if that is more. The interval is Student's, 95 %.
4. ``regressed`` (``improved``): the effect is over the floors of the settings in per cent *and* in ms, and stands
   among all the endpoints and quantiles tested (Holm), so that at most one identical run in fifty raises an alarm.
5. ``unchanged``: both intervals lie within the tolerances, and so does what all endpoints have in common.
   All else is ``inconclusive``, with what would settle it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from perf_pipeline.core import noise
from perf_pipeline.core.model import (
    CommonEffect,
    Effect,
    EndpointVerdict,
    Judgement,
    Samples,
    Verdict,
)
from perf_pipeline.core.noise import FEW_RUNS, MIN_ENDPOINTS, P50, P95, Effects
from perf_pipeline.core.wording import change, count, interval, percent
from perf_pipeline.suite import VerdictSettings

FALSE_ALARM_RATE = 0.02  # of identical runs may have an endpoint called regressed (and as many improved)
_MOST_RUNS = 20  # more baseline runs than this is no advice
_LARGEST_LOG = 30.0  # a factor of 1e13: beyond it figures mean nothing, but must not overflow


def compare(
    baseline: Sequence[Mapping[str, Samples]], candidate: Mapping[str, Samples], settings: VerdictSettings
) -> Judgement:
    """Judge ``candidate`` against the baseline runs (oldest first), endpoint by endpoint.

    Never raises on odd data (missing endpoints, NaN, no samples): such an endpoint is ``no_baseline`` when the
    baseline lacks it and ``inconclusive`` when the candidate does.
    """
    names = sorted({name for run in (*baseline, candidate) for name in run})
    if not names:
        return Judgement(endpoints={})
    both = tuple(noise.measure(baseline, candidate, names, quantile) for quantile in (P50, P95))
    slower, faster = (
        noise.holm(np.stack([effects.p_values(direction) for effects in both]), FALSE_ALARM_RATE)
        for direction in (+1, -1)
    )
    tests = int(sum(np.isfinite(effects.effect).sum() for effects in both))
    common = _common(both)
    verdicts = {}
    for index, name in enumerate(names):
        effects = [_effect(one, index, tests) for one in both]
        stands = [
            0
            if effect is None or not _matters(effect, settings)
            else int(slower[row, index]) - int(faster[row, index])
            for row, effect in enumerate(effects)
        ]
        verdict, sentence = _judge(name, index, both, effects, stands, settings, candidate.get(name))
        verdicts[name] = EndpointVerdict(
            endpoint=name, verdict=verdict, sentence=sentence, p50=effects[0], p95=effects[1]
        )
    return Judgement(endpoints=verdicts, common=common)


def _effect(effects: Effects, index: int, tests: int) -> Effect | None:
    log = float(effects.effect[index])
    if not math.isfinite(log):
        return None
    half = float(effects.half_width(0.95)[index])
    sure = float(effects.half_width(1 - 2 * FALSE_ALARM_RATE / max(tests, 1))[index])
    baseline_ms = math.exp(effects.baseline_log[index])
    ratio = _factor(log)
    return Effect(
        ratio=ratio,
        low=_factor(log - half),
        high=_factor(log + half),
        baseline_ms=baseline_ms,
        candidate_ms=math.exp(effects.candidate_log[index]),
        difference_ms=baseline_ms * (ratio - 1.0),
        noise_ratio=float(effects.spread[index]),
        detectable_ratio=_factor(sure) - 1.0,
    )


def _factor(log: float) -> float:
    return math.exp(min(max(log, -_LARGEST_LOG), _LARGEST_LOG))


def _matters(effect: Effect, settings: VerdictSettings) -> bool:
    return abs(effect.ratio - 1.0) > settings.floor_ratio and abs(effect.difference_ms) > settings.floor_ms


def _judge(
    name: str,
    index: int,
    both: Sequence[Effects],
    effects: Sequence[Effect | None],
    stands: Sequence[int],
    settings: VerdictSettings,
    samples: Samples | None,
) -> tuple[Verdict, str]:
    figures = ", ".join(
        f"{one.quantile.name} {change(effect.ratio)} (interval {interval(effect.low, effect.high)})"
        for one, effect in zip(both, effects, strict=True)
        if effect is not None
    )
    if not figures:
        if not max(one.runs[index] for one in both):
            return Verdict.NO_BASELINE, f"no baseline run has enough samples of {name}"
        successes = len(noise.durations(samples)[1])
        return (
            Verdict.INCONCLUSIVE,
            f"too few successful requests in this run ({successes}, needed {P50.min_samples})",
        )
    if 1 in stands:
        both_ways = (
            "; the other quantile became faster, the distribution changed shape" if -1 in stands else ""
        )
        return Verdict.REGRESSED, f"slower: {figures}{both_ways}"
    if -1 in stands:
        return Verdict.IMPROVED, f"faster: {figures}"
    within = [
        effect is not None and effect.low >= 1 - tolerance and effect.high <= 1 + tolerance
        for effect, tolerance in zip(
            effects, (settings.tolerance_p50_ratio, settings.tolerance_p95_ratio), strict=True
        )
    ]
    shifted = [one.quantile.name for one in both if _common_stands(one)]
    if all(within):
        if shifted:
            return Verdict.INCONCLUSIVE, f"as the other endpoints, but all of them changed: {figures}"
        return Verdict.UNCHANGED, figures
    return Verdict.INCONCLUSIVE, f"{figures}; {_what_would_settle(index, both, effects, within, settings)}"


def _what_would_settle(
    index: int,
    both: Sequence[Effects],
    effects: Sequence[Effect | None],
    within: Sequence[bool],
    settings: VerdictSettings,
) -> str:
    runs = int(max(one.runs[index] for one in both))
    missing = [one.quantile.name for one, effect in zip(both, effects, strict=True) if effect is None]
    if missing:
        return f"{missing[0]} cannot be compared: too few samples"
    if runs < FEW_RUNS:
        return f"{count(FEW_RUNS - runs, 'more baseline run')} would replace the assumed noise by the measured one"
    open_ones = [
        (one, tolerance)
        for one, ok, tolerance in zip(
            both, within, (settings.tolerance_p50_ratio, settings.tolerance_p95_ratio), strict=True
        )
        if not ok
    ]
    worst = max(open_ones, key=lambda pair: float(pair[0].spread[index]) / pair[1])[0]
    spread = float(worst.spread[index])
    noisy = f"identical runs differ by {percent(math.expm1(spread))} in {worst.quantile.name}"
    needed = max(_runs_needed(float(one.spread[index]), tolerance) for one, tolerance in open_ones)
    if runs < needed <= _MOST_RUNS:
        return f"{noisy}; about {count(needed - runs, 'more baseline run')} would settle it"
    return f"{noisy}; a longer profile or a quieter machine would settle it"


def _runs_needed(spread: float, tolerance: float) -> int:
    """Baseline runs until an interval around no effect fits into the tolerance, the spread staying as it is."""
    for runs in range(FEW_RUNS, _MOST_RUNS + 1):
        half = noise.t_half_width(0.95, noise.PRIOR_RUNS + runs - 1) * spread * math.sqrt(1 + 1 / runs)
        if half <= math.log1p(tolerance):
            return runs
    return _MOST_RUNS + 1


def _common_stands(effects: Effects) -> bool:
    return effects.common_removed and abs(effects.common) > effects.common_error


def _common(both: Sequence[Effects]) -> CommonEffect | None:
    """What all endpoints share, in words."""
    p50, p95 = both
    if not p50.common_removed:
        sentence = f"with fewer than {MIN_ENDPOINTS} comparable endpoints a slow machine cannot be told from a slow service"
        return CommonEffect(p50_ratio=1.0, p95_ratio=1.0, sentence=sentence)
    ratio, tail = _factor(p50.common), _factor(p95.common)
    figures = f"p50 {change(ratio)}, p95 {change(tail)}"
    if _common_stands(p50):
        sentence = (
            f"all endpoints {change(ratio)} against the baseline ({figures}): machine or service, "
            "cannot tell without a control"
        )
    else:
        sentence = (
            f"what all endpoints share ({figures}) is within what the baseline runs differ by; it is removed"
        )
    return CommonEffect(p50_ratio=ratio, p95_ratio=tail, sentence=sentence)
