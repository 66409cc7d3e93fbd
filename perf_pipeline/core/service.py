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

from perf_pipeline.core.effects import Effects, student
from perf_pipeline.core.model import CommonEffect, Direction, Verdict
from perf_pipeline.core.noise import MIN_OTHERS
from perf_pipeline.core.wording import change, percent

_SURE = 0.995  # one-sided, that all endpoints together are not where baseline runs are
_FAR = 3.0  # standard deviations of what baseline runs share: they never showed that
_SUSPECT = 0.004
_BUSY = 0.05  # more of the machine's CPU used by others than in any baseline run
_LARGEST_LOG = 30.0


@dataclass(frozen=True)
class Elsewhere:
    """Share of the machine's CPU that neither the target nor the generator used, per run."""

    baseline_ratio: Sequence[float]
    candidate_ratio: float


@dataclass(frozen=True)
class Service:
    """What all endpoints share, and whose it is."""

    effect: CommonEffect
    verdict: Verdict | None = None  # regressed, improved: beyond doubt, and the service
    suspect: bool = False
    control: int | None = None  # the control's place among the witnesses

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
    floor: float,
    elsewhere: Elsewhere | None,
) -> Service:
    """Judge what all endpoints share. ``rate``: false alarms allowed at this look; ``floor``: log ratio."""
    p50, p95 = both
    place = endpoints if control and math.isfinite(p50.effect[endpoints]) else None
    if endpoints <= MIN_OTHERS:
        return _few(p50, p95, place)
    shared, tail = (_shared(one, endpoints) for one in both)
    figures = f"p50 {change(_factor(shared))}, p95 {change(_factor(tail))}"
    stands = _stands(both, (shared, tail))
    far = any(
        abs(value) > _FAR * one.noise.common_spread for one, value in zip(both, (shared, tail), strict=True)
    )
    wider = "; baseline runs never showed that much, and the intervals are wider for it" if far else ""
    verdict, suspect = None, False
    machine = float(p50.total[place]) if place is not None else None
    if place is not None:
        verdict, suspect = _left_behind(p50, place, rate, floor)
        beside = f"all endpoints {figures}, control {change(_factor(machine or 0.0))}"
        explained = abs(shared - (machine or 0.0)) < abs(shared) / 2
        if verdict is not None:
            sentence = f"{beside}: the service"
        elif stands is None:
            sentence = f"{beside}: no more than baseline runs differ by; it is taken away"
        elif explained:
            stands, sentence = None, f"{beside}: the machine; it is taken away{wider}"
        else:
            sentence = f"{beside}: machine or service, the control leaves that open{wider}"
    elif stands is None:
        sentence = (
            f"what all endpoints share ({figures}) is no more than baseline runs differ by; it is taken away"
        )
    else:
        sentence, stands = _without_control(
            f"all endpoints {figures} against the baseline", stands, elsewhere
        )
        sentence += wider
    if verdict is not None:
        stands = Direction.SLOWER if verdict is Verdict.REGRESSED else Direction.FASTER
    effect = CommonEffect(
        p50_ratio=_factor(shared),
        p95_ratio=_factor(tail),
        sentence=sentence,
        stands=stands,
        control_ratio=_factor(machine) if machine is not None else None,
        verdict=verdict,
    )
    return Service(effect=effect, verdict=verdict, suspect=suspect, control=place)


def _shared(one: Effects, endpoints: int) -> float:
    """What all endpoints have in common: each one's is that of the others, so the middle of those."""
    common = one.common[:endpoints][np.isfinite(one.effect[:endpoints])]
    return float(np.median(common)) if len(common) else 0.0


def _stands(both: Sequence[Effects], shared: Sequence[float]) -> Direction | None:
    """Where all endpoints went together, if that is more than baseline runs differ by."""
    for one, value in zip(both, shared, strict=True):
        runs = int(np.max(one.noise.runs, initial=0))
        if not runs:
            continue
        degrees = np.array(max(runs - 1.0, 4.0))
        candidates = max(int(np.max(one.runs, initial=1)), 1)
        error = one.noise.common_spread * math.sqrt(1 / candidates + 1 / runs)
        if abs(value) > float(student(_SURE, degrees)) * error:
            return Direction.SLOWER if value > 0 else Direction.FASTER
    return None


def _left_behind(p50: Effects, place: int, rate: float, floor: float) -> tuple[Verdict | None, bool]:
    """(verdict on the service, whether another run should look): the control against all endpoints."""
    size = -float(p50.effect[place])
    slower, faster = float(p50.p_values(-1, 0.0)[place]), float(p50.p_values(+1, 0.0)[place])
    if abs(size) > floor and min(slower, faster) < rate:
        return (Verdict.REGRESSED if size > 0 else Verdict.IMPROVED), False
    return None, min(slower, faster) < _SUSPECT


def _against(one: Effects, control: int) -> Effects:
    """Each witness less the control."""
    noise, machine = one.noise, float(one.total[control])
    runs, old = np.maximum(one.runs, 1), np.maximum(noise.runs, 1)
    of_control = noise.variance[control] * (1 / runs[control] + 1 / old[control])
    error = np.sqrt(
        noise.variance * (1 / runs + 1 / old)
        + of_control
        + machine**2 * (noise.lean_variance + noise.lean_variance[control])
    )
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
    if stands is Direction.SLOWER and elsewhere.candidate_ratio > usual + _BUSY:
        return f"{said}, and {taken} (at most {percent(usual)} in baseline runs): the machine", None
    return (
        f"{said}; {taken} (up to {percent(usual)} in baseline runs): rather the service, "
        "but only a control can tell",
        stands,
    )


def _few(p50: Effects, p95: Effects, place: int | None) -> Service:
    if place is None:
        sentence = (
            f"with fewer than {MIN_OTHERS + 1} comparable endpoints and no control a slow machine cannot be "
            "told from a slow service: nothing was taken away"
        )
        return Service(CommonEffect(p50_ratio=1.0, p95_ratio=1.0, sentence=sentence))
    ratio, tail = _factor(float(p50.total[place])), _factor(float(np.nan_to_num(p95.total[place])))
    sentence = f"control p50 {change(ratio)}, p95 {change(tail)}: the machine; it is taken away"
    return Service(CommonEffect(p50_ratio=ratio, p95_ratio=tail, sentence=sentence, control_ratio=ratio))


def _factor(log: float) -> float:
    return math.exp(min(max(log, -_LARGEST_LOG), _LARGEST_LOG)) if math.isfinite(log) else 1.0
