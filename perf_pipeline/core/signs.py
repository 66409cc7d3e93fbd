"""What seems changed in a run, decided or not: what the baseline's policy remembers of runs that wait."""

from __future__ import annotations

from perf_pipeline.core.model import Comparison, Direction, EndpointVerdict, Frozen, Verdict
from perf_pipeline.suite import VerdictSettings

TOGETHER = "all endpoints together"  # stands beside endpoints' names for what they have in common


class Signs(Frozen):
    """Names of endpoints, or TOGETHER."""

    slower: list[str] = []  # noqa: RUF012 - pydantic copies it
    faster: list[str] = []  # noqa: RUF012
    certain: bool = False  # beyond doubt, or of a run that is no fair sample: it is not taken for noise

    @property
    def seen(self) -> bool:
        """Whether there is any."""
        return bool(self.slower or self.faster)

    def shared_with(self, other: Signs) -> bool:
        """Both saw something go the same way."""
        return not ({*self.slower}.isdisjoint(other.slower) and {*self.faster}.isdisjoint(other.faster))


def signs_of(comparison: Comparison, settings: VerdictSettings, before: Signs) -> Signs:
    """``before``: of the valid run just before this one, if that did not enter the baseline.

    What seemed slower there still does while it is undecided with figures above the tolerance: one run in
    which noise hides half of a regression does not end it.
    """
    judgement, common = comparison.judgement, comparison.judgement.common
    slower, faster = (
        [name for name, one in judgement.endpoints.items() if one.verdict is verdict or one.leaning is lean]
        for verdict, lean in ((Verdict.REGRESSED, Direction.SLOWER), (Verdict.IMPROVED, Direction.FASTER))
    )
    if common is not None and common.stands is not None:
        (slower if common.stands is Direction.SLOWER else faster).append(TOGETHER)
    for name in before.slower:
        if name == TOGETHER:
            still = common is None or _above(settings, common.p50_ratio, common.p95_ratio)
        else:
            one = judgement.endpoints.get(name)
            still = one is None or _undecided_above(one, settings)
        if still and name not in slower:
            slower.append(name)
    certain = any(one.verdict in _CERTAIN for one in judgement.endpoints.values())
    return Signs(slower=slower, faster=faster, certain=certain)


_CERTAIN = (Verdict.REGRESSED, Verdict.IMPROVED)
_UNDECIDED = (Verdict.INCONCLUSIVE, Verdict.NO_BASELINE)


def _undecided_above(one: EndpointVerdict, settings: VerdictSettings) -> bool:
    """Not decided, and its figures are above the tolerance, or there are none to tell."""
    p50, p95 = (effect.ratio if effect is not None else None for effect in (one.p50, one.p95))
    unknown = p50 is None and p95 is None
    return one.verdict in _UNDECIDED and (unknown or _above(settings, p50, p95))


def _above(settings: VerdictSettings, p50: float | None, p95: float | None) -> bool:
    limits = (1 + settings.tolerance_p50_ratio, 1 + settings.tolerance_p95_ratio)
    return any(ratio is not None and ratio > limit for ratio, limit in zip((p50, p95), limits, strict=True))
