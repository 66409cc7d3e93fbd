"""Simulated machines and services, of known truth: how runs are made, and the worlds they are made in.

A request takes its endpoint's usual time, times what the machine makes of it, plus what is left of a stall
that it falls into. Between runs three things change: the machine as a whole (a slow drift and a fresh part),
each endpoint by itself, and the tail by itself. The first three worlds are what one meets; the others each
bend one assumption that a judge may have come to rely on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.model import Samples
from perf_pipeline.core.replay import Injection

Floats = np.ndarray


@dataclass(frozen=True)
class Service:
    """One endpoint: body of its latency, and its slow mode."""

    median_ms: float
    shape: float  # of the gamma distribution of the body: small is wide
    slow_share: float = 0.02
    slow_factor: float = 3.0


SEVEN: Mapping[str, Service] = {
    "cart": Service(12.0, 12.0),
    "catalog": Service(45.0, 20.0, 0.03, 2.0),
    "login": Service(80.0, 30.0, 0.01, 2.5),
    "order": Service(28.0, 8.0, 0.04, 2.5),
    "ping": Service(3.0, 25.0, 0.02, 4.0),
    "profile": Service(7.0, 15.0, 0.03, 3.0),
    "search": Service(150.0, 10.0, 0.02, 2.0),
}
OWN_CONTROL = Service(4.0, 40.0, 0.01, 3.0)


@dataclass(frozen=True)
class World:
    """Spreads are standard deviations of log latency."""

    name: str
    about: str
    common: float = 0.10  # of the machine, between runs
    drift: float = 0.3  # share of that variance which wanders slowly from run to run
    wave: float = 0.0  # amplitude of a wave over about 25 runs
    own: float = 0.02  # of one endpoint, between runs
    own_unevenness: float = 0.0  # spread of log ``own`` over the endpoints
    tail: float = 0.05  # of the slowest tenth, between runs, on top
    degrees: float = math.inf  # of Student's t that the between-run noise follows; inf: normal
    sensitivity: float = 0.1  # spread of how strongly endpoints feel the machine
    neighbour: float = 0.10  # log latency while a neighbour works, a quarter of the time
    stalls_per_min: float = 0.5
    stall_s: float = 0.5
    rate_per_s: float = 6.0
    seconds: float = 100.0
    control: float | None = 1.0  # how much of the machine's log factor it feels; None: there is none
    candidates_alike: float = 0.0  # correlation of an endpoint's own noise between candidate runs
    mode_spread: float = 0.0  # between runs, of the log share of slow requests
    services: Mapping[str, Service] = field(default_factory=lambda: SEVEN)


def _many(number: int) -> dict[str, Service]:
    rng = np.random.default_rng(30)
    return {
        f"endpoint_{place:02d}": Service(
            float(np.exp(rng.uniform(1, 5))), float(rng.uniform(6, 30)), float(rng.uniform(0, 0.04))
        )
        for place in range(number)
    }


_THREE = {name: SEVEN[name] for name in ("login", "order", "ping")}
_EDGE = {
    name: Service(one.median_ms, one.shape, 0.05, 4.0) if name in ("ping", "cart") else one
    for name, one in SEVEN.items()
}

WORLDS = {
    world.name: world
    for world in (
        World(
            "quiet", "a machine of one's own", 0.02, own=0.008, tail=0.015, neighbour=0.02, stalls_per_min=0.1
        ),
        World("shared", "other people's programs come and go", 0.15, own=0.03, tail=0.10, stalls_per_min=2),
        World(
            *("stormy", "a busy hour on somebody else's machine", 0.35),
            own=0.07,
            tail=0.25,
            neighbour=0.3,
            stalls_per_min=5,
            stall_s=1.0,
        ),
        World("heavy tails", "run noise of Student's t, 3 degrees", own=0.02, degrees=3.0),
        World("uneven", "own noise from 0.5 % to 10 %", own=0.02, own_unevenness=1.0),
        World("three endpoints", "hardly any witnesses", services=_THREE),
        World("thirty endpoints", "many questions at once", services=_many(30), seconds=60),
        World("low rate", "150 samples", rate_per_s=1.5),
        World("slow mode", "p95 sits on the edge of a rare slow mode", services=_EDGE, mode_spread=0.3),
        World("stalls", "a second of nothing, twelve times a minute", stalls_per_min=12, stall_s=1.0),
        World("waves", "good and bad days", 0.05, wave=0.3),
        World("sensitive", "endpoints feel the machine by 0.5 to 2", 0.15, sensitivity=0.4),
        World("half control", "the control feels half of it", 0.15, control=0.5),
        World("no control", "nobody to ask", 0.15, control=None),
        World("noisy tail", "only p95 differs between runs", 0.03, own=0.008, tail=0.30),
        World("alike", "candidate runs resemble each other", own=0.03, candidates_alike=0.6),
    )
}


@dataclass(frozen=True)
class Truth:
    """What was done to the revision."""

    injections: tuple[Injection, ...] = ()
    machine: float = 1.0  # factor on everything, the control as well (as far as it feels the machine)


class History:
    """Runs of one world, one after the other; the first ones are the baseline."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world, self._rng = world, rng
        number = len(world.services)
        self._feels = np.exp(rng.normal(0, world.sensitivity, number))
        self._own = world.own * np.exp(rng.normal(0, world.own_unevenness, number))
        self._drift = rng.normal()
        self._moment = rng.uniform(0, 2 * math.pi)
        self._alike = self._draw(number)

    def _draw(self, number: int | None = None) -> Floats:
        """Between-run noise with standard deviation 1."""
        degrees = self._world.degrees
        if math.isinf(degrees):
            return np.asarray(self._rng.normal(size=number))
        return np.asarray(self._rng.standard_t(degrees, number) / math.sqrt(degrees / (degrees - 2)))

    def run(self, truth: Truth = Truth(), *, candidate: bool = False) -> dict[str, Samples]:
        """The next one. ``candidate``: a run of the revision under test."""
        world, rng = self._world, self._rng
        self._drift = 0.9 * self._drift + math.sqrt(1 - 0.81) * rng.normal()
        self._moment += 2 * math.pi / 25
        fresh = math.sqrt(1 - world.drift) * float(self._draw())
        common = world.common * (math.sqrt(world.drift) * self._drift + fresh)
        common += world.wave * math.sin(self._moment)
        own = self._draw(len(world.services))
        if candidate:
            alike = world.candidates_alike
            own = math.sqrt(alike) * self._alike + math.sqrt(1 - alike) * own
        tail = abs(world.tail * float(self._draw()))
        minutes = _Minutes(world, rng)
        found = {}
        for place, (name, service) in enumerate(world.services.items()):
            level = self._feels[place] * (common + math.log(truth.machine)) + self._own[place] * own[place]
            scale = [one.factor for one in truth.injections if one.endpoint == name and not one.of_tail]
            late = [one for one in truth.injections if one.endpoint == name and one.of_tail]
            level += sum(map(math.log, scale))
            found[name] = self._requests(service, minutes, level, tail, place, self._feels[place], late)
        if world.control is not None:
            feels = world.control
            level = feels * (common + math.log(truth.machine)) + 0.01 * float(self._draw())
            found[CONTROL] = self._requests(OWN_CONTROL, minutes, level, feels * tail, -1, feels, [])
        return found

    def _requests(  # noqa: PLR0917 - what a request is made of
        self,
        service: Service,
        minutes: _Minutes,
        level: float,
        tail: float,
        place: int,
        feels: float,
        late: Sequence[Injection],
    ) -> Samples:
        world, rng = self._world, self._rng
        number = int(world.seconds * world.rate_per_s)
        t = (np.arange(number) + rng.uniform(0, 0.2, number) + (place % 10) / 10) / world.rate_per_s
        body = rng.gamma(service.shape, 1 / service.shape, number)
        share = service.slow_share * math.exp(world.mode_spread * float(self._draw()))
        body = np.where(rng.random(number) < share, body * service.slow_factor, body)
        body[body > np.quantile(body, 0.9)] *= math.exp(tail)
        for one in late:
            body = np.where(rng.random(number) < one.share, body * one.factor, body)
        waits_s, busy = minutes.at(t)
        duration = service.median_ms * body * np.exp(level + feels * busy) + 1000 * waits_s
        return Samples(1000 * t, duration, np.ones(number, dtype=np.bool_))


class _Minutes:
    """What the machine does inside one run: a neighbour that comes and goes, and stalls."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world = world
        edges = np.cumsum(rng.exponential(1.0, 400) * np.tile([7.5, 2.5], 200))
        self._edges = edges[: np.searchsorted(edges, world.seconds + 20) + 1]
        number = rng.poisson(world.stalls_per_min * world.seconds / 60)
        self._stalls = np.column_stack(
            [rng.uniform(0, world.seconds, number), rng.exponential(world.stall_s, number)]
        )

    def at(self, t_s: Floats) -> tuple[Floats, Floats]:
        """(seconds that a request waits in a stall, log factor of the neighbour) at each moment."""
        waits = np.zeros(len(t_s))
        for start, length in self._stalls:
            inside = (t_s >= start) & (t_s < start + length)
            waits[inside] = np.maximum(waits[inside], start + length - t_s[inside])
        working = np.searchsorted(self._edges, t_s) % 2 == 1
        return waits, np.where(working, self._world.neighbour, 0.0)
