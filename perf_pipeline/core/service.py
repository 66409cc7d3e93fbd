"""What all endpoints did together: the machine, or the service as a whole?

The control is a process of ours with fixed work, loaded in the same run. Where the endpoints leave the
control behind, it is the service; where the control went along, it is the machine. On a calm machine it
sees only a part of the small noise that endpoints share: it shows a slow machine, it removes no noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from perf_pipeline.core.effects import Effects, factor, student
from perf_pipeline.core.judgement import CommonEffect, Direction, Verdict
from perf_pipeline.core.noise import MIN_OTHERS
from perf_pipeline.core.wording import change, percent

_SURE = 0.995  # one-sided, that all endpoints together are not where baseline runs are
_FAR = 3.0  # standard deviations of what baseline runs share: they never showed that
_SUSPECT = 0.004
_SHARES = (0.7, 0.3)  # of p50 and p95 in the false alarms allowed
_BUSY = 0.05  # more of the machine's CPU used by others than in any baseline run
_STOOD_STILL = 0.02  # of a run more than twice the most of any baseline run


@dataclass(frozen=True)
class Elsewhere:
    """Share of the machine's CPU that neither the target nor the generator used, per run."""

    baseline_ratio: Sequence[float]
    candidate_ratio: float


@dataclass(frozen=True)
class Stalled:
    """Share of the samples that fell into moments at which everything stood still; they are left out."""

    baseline_ratio: Sequence[float]
    candidate_ratio: float

    @property
    def more(self) -> bool:
        """Whether it is more than baseline runs can explain: what was left out may be the change."""
        most = max(self.baseline_ratio, default=0.0)
        return bool(self.baseline_ratio) and self.candidate_ratio > 2 * most + _STOOD_STILL

    @property
    def sentence(self) -> str:
        """The figures."""
        return (
            f"everything stood still for {percent(self.candidate_ratio)} of the time "
            f"(at most {percent(max(self.baseline_ratio))} in baseline runs), which no endpoint shows"
        )


@dataclass(frozen=True)
class Service:
    """What all endpoints share, and whose it is."""

    effect: CommonEffect
    verdict: Verdict | None = None  # regressed, improved: beyond doubt, and the service
    suspect: bool = False
    control: int | None = None  # the control's place among the witnesses
    stalled: bool = False  # only because everything stood still

    @property
    def moved_unexplained(self) -> bool:
        """All endpoints are not where they were, and nobody can say whose fault it is."""
        return self.verdict is None and self.effect.stands is not None

    @property
    def advice(self) -> str:
        """Why an endpoint that went along with all others is not called unchanged."""
        if self.stalled:
            return "what happened while everything stood still is in no endpoint's figures"
        return "changed as all other endpoints did: the figures are what is left beside that"

    @property
    def beside(self) -> str:
        """What to add to an endpoint's sentence."""
        if self.verdict is None:
            return ""
        return "all endpoints together, against the control"

    def rebased(self, both: Sequence[Effects]) -> list[Effects]:
        """Effects against the control instead of against each other: all of them are the service's."""
        return [_against(one, self.control) for one in both] if self.control is not None else list(both)


def of(
    both: Sequence[Effects],
    *,
    endpoints: int,
    control: bool,
    rate: float,
    floors: tuple[float, float],
    elsewhere: Elsewhere | None,
    stalled: Stalled,
) -> Service:
    """Judge what all endpoints share.

    ``rate``: false alarms allowed at this look; ``floors``: log ratios of p50 and p95 that matter.
    """
    place = endpoints if control and math.isfinite(both[0].effect[endpoints]) else None
    if endpoints <= MIN_OTHERS:
        return _few(both, place)
    shared = [_shared(one, endpoints) for one in both]
    figures = ", ".join(
        f"{one.noise.quantile.name} {change(factor(value))}" for one, value in zip(both, shared, strict=True)
    )
    stands = [_stands(one, value) for one, value in zip(both, shared, strict=True)]
    stand = next((way for way in stands if way is not None), None)
    verdict, suspect = None, False
    if place is not None:
        verdict, suspect = _left_behind(both, shared, place, rate, floors)
        said = f"all endpoints {figures}, control {change(factor(float(both[0].total[place])))}"
        if verdict is not None:
            sentence = f"{said}: the service"
            stand = Direction.SLOWER if verdict is Verdict.REGRESSED else Direction.FASTER
        elif stand is None:
            sentence = f"{said}: no more than baseline runs differ by; it is taken away"
        elif _explained(both, shared, stands, place):
            stand, sentence = None, f"{said}: the machine; it is taken away"
        else:
            sentence = f"{said}: machine or service, the control leaves that open"
    elif stand is None:
        sentence = (
            f"what all endpoints share ({figures}) is no more than baseline runs differ by; it is taken away"
        )
    else:
        sentence, stand = _without_control(f"all endpoints {figures} against the baseline", stand, elsewhere)
    if any(abs(value) > _FAR * one.noise.common_spread for one, value in zip(both, shared, strict=True)):
        sentence += "; baseline runs never showed that much, and the intervals are wider for it"
    stood_still = stalled.more and stand is None
    if stalled.more:
        sentence += f"; {stalled.sentence}"
        stand = stand or Direction.SLOWER
    effect = CommonEffect(
        p50_ratio=factor(shared[0]),
        p95_ratio=factor(shared[1]),
        sentence=sentence,
        stands=stand,
        control_ratio=factor(float(both[0].total[place])) if place is not None else None,
        verdict=verdict,
    )
    return Service(effect, verdict, suspect, place, stood_still)


def _shared(one: Effects, endpoints: int) -> float:
    """What all endpoints have in common: each one's is that of the others, so the middle of those."""
    common = one.common[:endpoints][np.isfinite(one.effect[:endpoints])]
    return float(np.median(common)) if len(common) else 0.0


def _stands(one: Effects, value: float) -> Direction | None:
    """Where all endpoints went together, if that is more than baseline runs differ by."""
    runs = int(np.max(one.noise.runs, initial=0))
    if not runs or abs(value) <= float(student(_SURE, np.array(max(runs - 1.0, 4.0)))) * _common_error(one):
        return None
    return Direction.SLOWER if value > 0 else Direction.FASTER


def _common_error(one: Effects) -> float:
    """Standard error of what all endpoints share, as far as the machine goes."""
    runs, candidates = (max(int(np.max(number, initial=1)), 1) for number in (one.noise.runs, one.runs))
    return one.noise.common_spread * math.sqrt(one.near + (1 - one.near) / candidates + 1 / runs)


def _explained(
    both: Sequence[Effects], shared: Sequence[float], stands: Sequence[Direction | None], place: int
) -> bool:
    """Whether the control went along, in every quantile that stands."""
    return all(
        abs(value - float(np.nan_to_num(one.total[place]))) < abs(value) / 2
        for one, value, way in zip(both, shared, stands, strict=True)
        if way is not None
    )


def _left_behind(
    both: Sequence[Effects], shared: Sequence[float], place: int, rate: float, floors: tuple[float, float]
) -> tuple[Verdict | None, bool]:
    """(verdict on the service, whether another run should look): all endpoints against the control.

    Only where the endpoints moved, or the control no more than the machine usually does: a control that moves
    alone and farther says something of itself.
    """
    suspect = False
    for one, moved, share, floor in zip(both, shared, _SHARES, floors, strict=True):
        size = -float(one.effect[place])
        usual = abs(float(one.total[place])) <= _FAR * _common_error(one)
        together = abs(moved) > floor and (size > 0) == (moved > 0)
        if not math.isfinite(size) or abs(size) <= floor or not (together or usual):
            continue
        p = float(one.p_values(-1 if size > 0 else +1, 0.0)[place])
        if p < rate * share:
            return (Verdict.REGRESSED if size > 0 else Verdict.IMPROVED), False
        suspect |= p < _SUSPECT
    return None, suspect


def _against(one: Effects, control: int) -> Effects:
    """Each witness less the control."""
    noise, machine = one.noise, float(one.total[control])
    own = one.error_with(one.runs) ** 2 - one.common**2 * noise.lean_variance
    error = np.sqrt(own + own[control] + machine**2 * (noise.lean_variance + noise.lean_variance[control]))
    effect = one.total - (1 + noise.lean - noise.lean[control]) * machine
    return replace(one, effect=effect, error=np.where(np.isfinite(effect), error, math.nan))


def _without_control(
    said: str, stands: Direction, elsewhere: Elsewhere | None
) -> tuple[str, Direction | None]:
    """The generator's own measurements of the CPU, where they say something."""
    if elsewhere is None or not elsewhere.baseline_ratio:
        return f"{said}: machine or service, cannot tell without a control", stands
    usual = max(elsewhere.baseline_ratio)
    taken = f"other processes took {percent(elsewhere.candidate_ratio)} of the machine's CPU"
    if elsewhere.candidate_ratio > usual + _BUSY:
        if stands is Direction.SLOWER:
            return f"{said}, and {taken} (at most {percent(usual)} in baseline runs): the machine", None
        return f"{said}, although {taken} (at most {percent(usual)} in baseline runs)", stands
    return (
        f"{said}; {taken} (up to {percent(usual)} in baseline runs): rather the service, "
        "but only a control can tell",
        stands,
    )


def _few(both: Sequence[Effects], place: int | None) -> Service:
    if place is None:
        sentence = (
            f"with fewer than {MIN_OTHERS + 1} comparable endpoints and no control a slow machine cannot be "
            "told from a slow service: nothing was taken away"
        )
        return Service(CommonEffect(p50_ratio=1.0, p95_ratio=1.0, sentence=sentence))
    ratio, tail = (factor(float(one.total[place])) for one in both)
    sentence = (
        f"what the control did (p50 {change(ratio)}, p95 {change(tail)}) is the machine's and taken away"
    )
    return Service(CommonEffect(p50_ratio=ratio, p95_ratio=tail, sentence=sentence, control_ratio=ratio))
