"""What went one way in a run, decided or not: what the outcome and the baseline's policy look at."""

from __future__ import annotations

from pydantic import ConfigDict

from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.judgement import (
    CommonEffect,
    Comparison,
    Direction,
    EndpointVerdict,
    Judgement,
    Verdict,
)
from perf_pipeline.suite import VerdictSettings

TOGETHER = "all endpoints together"  # stands beside endpoints' names for what they have in common


class Signs(Frozen):
    """Names of endpoints, or TOGETHER, that seemed slower in a run which stayed out of the baseline."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # a store of an earlier version holds more

    slower: list[str] = []  # noqa: RUF012 - pydantic copies it
    certain: bool = False  # beyond doubt, or of a run that is no fair sample: it is not taken for noise


def changed(judgement: Judgement, verdict: Verdict) -> list[str]:
    """Names of endpoints with this verdict; TOGETHER when it is that of the service as a whole."""
    names = [name for name, one in judgement.endpoints.items() if one.verdict is verdict]
    if judgement.common is not None and judgement.common.verdict is verdict:
        names.append(TOGETHER)
    return names


def signs_of(comparison: Comparison, settings: VerdictSettings, before: Signs) -> Signs:
    """``before``: of the series just before this one, if that did not enter the baseline.

    What seemed slower there still does while it is undecided with figures above the tolerance: one series in
    which noise hides half of a regression does not end it.
    """
    judgement, common = comparison.judgement, comparison.judgement.common
    regressed = changed(judgement, Verdict.REGRESSED)
    slower = dict.fromkeys(regressed)
    slower |= {name: None for name, one in judgement.endpoints.items() if one.leaning is Direction.SLOWER}
    if common is not None and (common.stands is Direction.SLOWER or _far(common)):
        slower[TOGETHER] = None
    for name in before.slower:
        if name == TOGETHER:
            still = common is None or _above(settings, common.p50_ratio, common.p95_ratio)
        else:
            one = judgement.endpoints.get(name)
            still = one is None or _undecided_above(one, settings)
        if still:
            slower[name] = None
    return Signs(slower=list(slower), certain=bool(regressed or changed(judgement, Verdict.IMPROVED)))


def _far(common: CommonEffect) -> bool:
    """So much slower that it is not let in unseen, although nothing here tells whether the machine does that.

    With one or two baseline runs and no control the judge cannot know how much the machine differs.
    """
    return common.control_ratio is None and common.p50_ratio > _FAR


_FAR = 1.5
_UNDECIDED = (Verdict.INCONCLUSIVE, Verdict.NO_BASELINE)


def _undecided_above(one: EndpointVerdict, settings: VerdictSettings) -> bool:
    """Not decided, and its figures are above the tolerance, or there are none to tell."""
    p50, p95 = (effect.ratio if effect is not None else None for effect in (one.p50, one.p95))
    unknown = p50 is None and p95 is None
    return one.verdict in _UNDECIDED and (unknown or _above(settings, p50, p95))


def _above(settings: VerdictSettings, p50: float | None, p95: float | None) -> bool:
    limits = (1 + settings.tolerance_p50_ratio, 1 + settings.tolerance_p95_ratio)
    return any(ratio is not None and ratio > limit for ratio, limit in zip((p50, p95), limits, strict=True))
