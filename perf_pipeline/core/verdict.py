"""Is this run slower than its baseline? One verdict per endpoint, with effect, interval and noise.

The seam: ``compare`` is a pure function from baseline samples and candidate samples to a ``Judgement``.
Nothing outside this module, ``core.noise`` and ``core.advice`` knows how the judgement is reached, so that
the inside can be replaced.

How it is reached, in steps:

1. p50 and p95 of each endpoint and run, in logarithms; an effect is the candidate's less the baseline's mean.
2. What all endpoints have in common is taken away: the median over endpoints of the effects. A median, so
   that one slowed endpoint does not make the others look faster. The same is done in each baseline run. With
   fewer than three endpoints it cannot be done, and the judgement says so.
3. The noise is the spread of the baseline runs after step 2, with a floor (``core.noise``), or what the run's
   own samples allow if that is more. The interval is Student's, 95 %.
4. ``regressed`` (``improved``): the effect is over the floors of the settings in per cent *and* in ms, and it
   stands among all the endpoints and quantiles tested (Holm): at most one identical run in fifty raises an
   alarm. What would stand if one in five might is *leaning*: a hint, and a reason not to take the run into
   the baseline yet.
5. ``unchanged``: both intervals lie within the tolerances, and what all endpoints have in common is no more
   than baseline runs differ by. All else is ``inconclusive``, with what would settle it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from perf_pipeline.core import noise
from perf_pipeline.core.advice import Doubt, what_would_settle
from perf_pipeline.core.model import (
    CommonEffect,
    Direction,
    Effect,
    EndpointVerdict,
    Judgement,
    Samples,
    Verdict,
)
from perf_pipeline.core.noise import MIN_ENDPOINTS, P50, P95, Effects
from perf_pipeline.core.wording import change, interval
from perf_pipeline.suite import VerdictSettings

FALSE_ALARM_RATE = 0.02  # of identical runs may have an endpoint called regressed (and as many improved)
LEANING_RATE = 0.2  # of identical runs may have an endpoint called perhaps slower (and as many faster)
_LARGEST_LOG = 30.0  # a factor of 1e13: beyond it figures mean nothing, but must not overflow


def compare(
    baseline: Sequence[Mapping[str, Samples]],
    candidates: Sequence[Mapping[str, Samples]],
    settings: VerdictSettings,
    *,
    control: str | None = None,
) -> Judgement:
    """Judge the runs of a revision (1 to 3, oldest first) against the baseline runs (oldest first).

    ``control``: the name under which the runs hold the requests to the control process; no endpoint.

    Never raises on odd data (missing endpoints, NaN, no samples): such an endpoint is ``no_baseline`` when
    the baseline lacks it and ``inconclusive`` when the candidate does.
    """
    candidate = candidates[-1]
    names = sorted({name for run in (*baseline, candidate) for name in run} - {control})
    if not names:
        return Judgement(endpoints={})
    both = tuple(noise.measure(baseline, candidate, names, quantile) for quantile in (P50, P95))
    p_slower, p_faster = (np.stack([one.p_values(direction) for one in both]) for direction in (+1, -1))
    # Of shape (quantiles, endpoints): +1 slower, -1 faster, 0 neither; beyond doubt, and merely likely.
    beyond_doubt, likely = (
        noise.holm(p_slower, rate).astype(int) - noise.holm(p_faster, rate).astype(int)
        for rate in (FALSE_ALARM_RATE, LEANING_RATE)
    )
    tests = sum(int(np.isfinite(one.effect).sum()) for one in both)
    verdicts = {}
    for index, name in enumerate(names):
        effects = [_effect(one, index, tests, settings) for one in both]
        matters = [effect is not None and _matters(effect, settings) for effect in effects]
        p50, p95 = effects
        leaning = None
        if p50 is None and p95 is None:
            verdict, sentence = _unknown(name, any(one.runs[index] for one in both), candidate.get(name))
            advice = ""
        else:
            verdict, sentence, advice = _judge(
                index, both, effects, beyond_doubt[:, index] * matters, settings
            )
            if verdict is Verdict.INCONCLUSIVE:
                leaning = _leaning(likely[:, index] * matters)
        if leaning is not None:
            advice = f"perhaps {leaning}, but identical runs differ so much now and then; {advice}"
        verdicts[name] = EndpointVerdict(
            endpoint=name,
            verdict=verdict,
            sentence=sentence,
            advice=advice,
            leaning=leaning,
            p50=p50,
            p95=p95,
        )
    return Judgement(endpoints=verdicts, common=_common(both) if baseline else None)


def _effect(effects: Effects, index: int, tests: int, settings: VerdictSettings) -> Effect | None:
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
        detectable_ratio=max(
            _factor(sure) - 1.0, settings.floor_ratio, min(settings.floor_ms / baseline_ms, _factor(math.inf))
        ),
    )


def _factor(log: float) -> float:
    return math.exp(min(max(log, -_LARGEST_LOG), _LARGEST_LOG))


def _matters(effect: Effect, settings: VerdictSettings) -> bool:
    return abs(effect.ratio - 1.0) > settings.floor_ratio and abs(effect.difference_ms) > settings.floor_ms


def _unknown(name: str, in_baseline: bool, samples: Samples | None) -> tuple[Verdict, str]:
    if not in_baseline:
        return Verdict.NO_BASELINE, f"no baseline run has enough samples of {name}"
    successes = len(noise.durations(samples))
    sentence = f"too few successful requests in this run ({successes}, needed {P50.min_samples})"
    return Verdict.INCONCLUSIVE, sentence


def _judge(
    index: int,
    both: Sequence[Effects],
    effects: Sequence[Effect | None],
    stands: npt.NDArray[np.int64],
    settings: VerdictSettings,
) -> tuple[Verdict, str, str]:
    """Of an endpoint with an effect: verdict, sentence, advice. ``stands``: +1 slower, -1 faster."""
    figures = ", ".join(
        f"{one.quantile.name} {change(effect.ratio)} (interval {interval(effect.low, effect.high)})"
        for one, effect in zip(both, effects, strict=True)
        if effect is not None
    )
    if 1 in stands:
        shape = (
            "; the other quantile became faster: the distribution changed its shape" if -1 in stands else ""
        )
        return Verdict.REGRESSED, f"slower: {figures}{shape}", ""
    if -1 in stands:
        return Verdict.IMPROVED, f"faster: {figures}", ""
    tolerances = (settings.tolerance_p50_ratio, settings.tolerance_p95_ratio)
    doubts = [
        Doubt(one.quantile.name, effect, int(one.runs[index]), tolerance)
        for one, effect, tolerance in zip(both, effects, tolerances, strict=True)
        if effect is None or not 1 - tolerance <= effect.low <= effect.high <= 1 + tolerance
    ]
    if doubts:
        return Verdict.INCONCLUSIVE, figures, what_would_settle(doubts)
    if _common_direction(both) is not None:
        advice = "changed as all other endpoints did: the figures are what is left beside that"
        return Verdict.INCONCLUSIVE, figures, advice
    return Verdict.UNCHANGED, figures, ""


def _leaning(signs: npt.NDArray[np.int64]) -> Direction | None:
    if 1 in signs:
        return Direction.SLOWER
    return Direction.FASTER if -1 in signs else None


def _common_direction(both: Sequence[Effects]) -> Direction | None:
    """Where all endpoints went together, if that is more than baseline runs differ by."""
    stands = [one.common for one in both if one.common_removed and abs(one.common) > one.common_error]
    if not stands:
        return None
    return Direction.SLOWER if max(stands) > 0 else Direction.FASTER


def _common(both: Sequence[Effects]) -> CommonEffect:
    """What all endpoints share, in words."""
    p50, p95 = both
    if not p50.common_removed:
        sentence = (
            f"with fewer than {MIN_ENDPOINTS} comparable endpoints a slow machine cannot be told from a slow "
            "service: nothing was taken away"
        )
        return CommonEffect(p50_ratio=1.0, p95_ratio=1.0, sentence=sentence)
    ratio, tail = _factor(p50.common), _factor(p95.common)
    figures = f"p50 {change(ratio)}, p95 {change(tail)}"
    stands = _common_direction(both)
    if stands is not None:
        sentence = (
            f"all endpoints {figures} against the baseline: machine or service, cannot tell without a control"
        )
    else:
        sentence = (
            f"what all endpoints share ({figures}) is no more than baseline runs differ by; it is taken away"
        )
    return CommonEffect(p50_ratio=ratio, p95_ratio=tail, sentence=sentence, stands=stands)
