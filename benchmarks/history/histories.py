"""Histories of one endpoint with a known truth: log latency, in arrays of shape (histories, runs)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

OWN = 0.04  # standard deviation of log p50 between identical runs, common part removed, on a shared machine
COMMON = 0.12  # of what all endpoints share in a run
ENDPOINTS = 7


def _wandering(rng: np.random.Generator, many: int, runs: int, near: float) -> Floats:
    """AR(1) with standard deviation 1; ``near``: correlation of neighbours."""
    fresh = rng.standard_normal((many, runs))
    found = np.empty((many, runs))
    found[:, 0] = fresh[:, 0]
    for run in range(1, runs):
        found[:, run] = near * found[:, run - 1] + np.sqrt(1 - near**2) * fresh[:, run]
    return found


def noise(  # noqa: PLR0911 - one return per kind
    kind: str, rng: np.random.Generator, many: int, runs: int
) -> Floats:
    """An endpoint's own noise."""
    plain = rng.standard_normal((many, runs))
    if kind == "normal":
        return OWN * plain
    if kind == "heavy tails":
        return OWN * rng.standard_t(3, (many, runs)) / np.sqrt(3)
    if kind == "bad runs":  # 7 % of runs are slower, by up to 30 % and more
        return OWN * (
            plain + (rng.random((many, runs)) < 0.07) * np.abs(5 * rng.standard_normal((many, runs)))
        )
    if kind == "AR(1) 0.5":
        return OWN * _wandering(rng, many, runs, 0.5)
    if kind == "waves, weak":  # a tenth of the variance wanders over ten runs and more
        return OWN * (np.sqrt(0.1) * _wandering(rng, many, runs, 0.9) + np.sqrt(0.9) * plain)
    if kind == "waves, strong":  # half of the variance does
        return OWN * (np.sqrt(0.5) * _wandering(rng, many, runs, 0.9) + np.sqrt(0.5) * plain)
    shared = COMMON * (0.7 * _wandering(rng, many, runs, 0.9) + 0.7 * rng.standard_normal((many, runs)))
    if kind == "common part left in":
        return OWN * plain + shared
    if kind == "common part removed":  # by the median over endpoints, each feeling it with its own strength
        felt = rng.uniform(0.8, 1.2, (ENDPOINTS, many, 1))
        suite = OWN * rng.standard_normal((ENDPOINTS, many, runs)) + felt * shared
        without: Floats = suite[0] - np.median(suite, axis=0)
        return without
    raise ValueError(f"no noise is called {kind}")


NOISES = (
    "normal",
    "heavy tails",
    "bad runs",
    "AR(1) 0.5",
    "waves, weak",
    "waves, strong",
    "common part left in",
    "common part removed",
)


@dataclass(frozen=True)
class Change:
    """``ratio`` from run ``at`` on, until run ``back``; over ``over`` runs where it creeps."""

    name: str
    runs: int
    at: int
    ratio: float
    over: int = 1
    back: int | None = None

    def added(self) -> Floats:
        """What it adds to log latency, shape (runs,)."""
        share = np.clip((np.arange(self.runs) - self.at + 1) / self.over, 0.0, 1.0)
        share[self.back or self.runs :] = 0.0
        found: Floats = np.log(self.ratio) * share
        return found


CHANGES = (
    *(Change(f"+{size} %, 14 + 6 runs", 20, 14, 1 + size / 100) for size in (5, 10, 20, 50)),
    *(Change(f"+{size} %, 42 + 8 runs", 50, 42, 1 + size / 100) for size in (5, 10, 20, 50)),
    *(Change(f"+{size} %, 25 + 25 runs", 50, 25, 1 + size / 100) for size in (5, 10, 20, 50)),
    Change("+20 %, runs 16 to 35 of 50, then as before", 50, 15, 1.2, back=35),
    Change("ten times +1 %, runs 21 to 30 of 50", 50, 20, 1.01**10, over=10),
    Change("ten times +1 %, over all of 50", 50, 1, 1.01**10, over=49),
)
