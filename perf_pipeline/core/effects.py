"""One revision against the baseline: effect, error and how surprising it would be for identical runs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from perf_pipeline.core.noise import MIN_OTHERS, Noise, common_part
from perf_pipeline.core.quantiles import Floats

_NO_VOTE = 0.01  # so surprising an endpoint does not help to say what the others have in common


@dataclass(frozen=True)
class Effects:
    """Candidates against the baseline for one quantile; arrays of shape (witnesses,), NaN: not comparable."""

    noise: Noise
    runs: npt.NDArray[np.int64]  # candidate runs that have this witness
    log: Floats  # mean log quantile of the candidate runs
    total: Floats  # log ratio to the baseline as measured
    common: Floats  # log ratio that the others have in common
    effect: Floats  # log ratio, what the others share removed
    error: Floats  # standard error of ``effect``
    degrees: Floats

    def half_width(self, probability: float) -> Floats:
        """Half the width of the two-sided interval that holds the truth with this probability."""
        return student(0.5 + probability / 2, self.degrees) * self.error

    def p_values(self, direction: int, margin: float) -> Floats:
        """One-sided: how easily runs that differ by ``margin`` seem so much slower (+1) or faster (-1)."""
        p: Floats = stdtr(self.degrees, -(direction * self.effect - margin) / self.error)
        return p

    def with_noise(self, noise: Noise) -> Effects:
        """The same effect, had the baseline taught another noise."""
        return replace(self, noise=noise, degrees=noise.degrees)

    def error_after(self, more: int) -> Floats:
        """Standard error when ``more`` candidate runs have been added."""
        return _error(self.noise, self.noise.variance, self.runs + more, self.common)


def student(probability: float, degrees: Floats) -> Floats:
    """Quantile of Student's t."""
    value: Floats = stdtrit(degrees, probability)
    return value


def estimate(noises: Sequence[Noise], log: Floats, error: Floats) -> list[Effects]:
    """Effects of each quantile. ``log``, ``error``: (quantiles, candidate runs, witnesses).

    Done twice: an endpoint that stands out in either quantile has no vote the second time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN: that is meant
        first = [_effects(*one, None) for one in zip(noises, log, error, strict=True)]
        surprise = np.array([2 * np.fmin(one.p_values(+1, 0.0), one.p_values(-1, 0.0)) for one in first])
        silent = np.nanmin(np.where(np.isnan(surprise), 1.0, surprise), axis=0) < _NO_VOTE
        return [_effects(*one, silent) for one in zip(noises, log, error, strict=True)]


def _effects(noise: Noise, log: Floats, error: Floats, silent: npt.NDArray[np.bool_] | None) -> Effects:
    runs = np.isfinite(log).sum(axis=0)
    mean = np.nanmean(log, axis=0)
    total = mean - noise.level
    voters = noise.voters
    if silent is not None:
        fewer = voters & ~silent
        voters = np.where((fewer.sum(axis=1) >= MIN_OTHERS)[:, None], fewer, voters)
    known = np.maximum(runs, 1)
    scale = noise.variance * (1 / known + 1 / np.maximum(noise.runs, 1))
    common = common_part(total, scale, voters)
    # Far fewer samples than in the baseline: a larger sampling error. A little larger is chance.
    sampling = np.nan_to_num(np.nanmean(error**2, axis=0))
    larger = np.where(sampling > 2 * noise.error**2, sampling - noise.error**2, 0.0)
    effect = total - (1 + noise.lean) * common
    own = np.where(np.isfinite(effect), _error(noise, noise.variance + larger, runs, common), math.nan)
    return Effects(
        noise=noise,
        runs=runs,
        log=mean,
        total=total,
        common=common,
        effect=effect,
        error=own,
        degrees=noise.degrees,
    )


def _error(noise: Noise, variance: Floats, runs: npt.NDArray[np.int64], common: Floats) -> Floats:
    """The more the machine differs from the baseline, the more it matters how endpoints lean."""
    error: Floats = np.sqrt(
        variance / np.maximum(runs, 1)
        + noise.variance / np.maximum(noise.runs, 1)
        + common**2 * noise.lean_variance
    )
    return error
