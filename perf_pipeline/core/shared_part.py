"""What all endpoints share in a run, the machine's good or bad minute, taken off each of them. Pure."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from perf_pipeline.core.change_points import OUTLIER, TO_DEVIATION, Floats, find_cuts
from perf_pipeline.core.noise import LEAN_SPREAD

ENDPOINTS_TO_SHARE = 3  # fewer endpoints cannot say what they have in common
OTHERS_TO_SHARE = 4  # so many others say it without the one that is looked at
_ALPHA = 1e-4  # of a change of all endpoints, which wander together


def shared_part(log: Floats) -> Floats | None:
    """What all endpoints have in common in each run, around 0, shape (runs,).

    NaN for a run in which too few endpoints have a figure; None when the suite has too few.
    """
    there = np.isfinite(log)
    used = there.any(axis=0)
    if used.sum() < ENDPOINTS_TO_SHARE:
        return None
    off = log[:, used] - np.nanmedian(log[:, used], axis=0)
    enough = there.sum(axis=1) >= ENDPOINTS_TO_SHARE
    shared = np.full(len(log), math.nan)
    shared[enough] = np.nanmedian(off[enough], axis=1) if enough.any() else math.nan
    return shared


def own_part(log: Floats, number: int) -> Floats:
    """An endpoint without what the others share, shape (runs,); NaN where either is unknown.

    Its own change must not count as shared, so it is left out where enough others remain. Endpoints feel a
    slow machine with different strength: this one's is taken from the differences of neighbouring runs, which
    a change of level does not touch, and drawn towards 1 as far as they leave it open (ridge regression).
    """
    mine = log[:, number]
    others = np.delete(log, number, axis=1)
    several = np.isfinite(others).any(axis=0).sum() >= OTHERS_TO_SHARE
    shared = shared_part(others if several else log)
    if shared is None:
        return mine
    there = np.isfinite(mine) & np.isfinite(shared)
    steps, own_steps = np.diff(shared[there]), np.diff(mine[there] - shared[there])
    if len(steps) < OTHERS_TO_SHARE:
        return mine - shared
    noise = TO_DEVIATION * float(np.median(np.abs(own_steps)))
    weight = (noise / LEAN_SPREAD) ** 2
    reach = OUTLIER * TO_DEVIATION * float(np.median(np.abs(steps)))
    steps = np.clip(steps, -reach, reach)
    off = np.clip(own_steps, -OUTLIER * noise, OUTLIER * noise)
    power = float(steps @ steps) + weight
    extra = float(steps @ off) / power if power > 0 else 0.0
    return mine - shared - extra * _around_levels(shared)


def _around_levels(shared: Floats) -> Floats:
    """What is left between its own changes: one of all endpoints has the same size for each."""
    there = np.isfinite(shared)
    known = shared[there]
    edges = [0, *(cut.index for cut in find_cuts(known, alpha=_ALPHA)), len(known)]
    levels = [
        np.full(end - start, np.median(known[start:end])) for start, end in pairwise(edges) if end > start
    ]
    around = np.full(len(shared), math.nan)
    around[there] = known - np.concatenate(levels)
    return around
