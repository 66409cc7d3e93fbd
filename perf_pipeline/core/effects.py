"""One revision against the baseline: effect, error and how surprising it would be for identical runs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from perf_pipeline.core.noise import Noise, common_part
from perf_pipeline.core.quantiles import Floats

_NO_VOTE = 0.01  # so surprising an endpoint does not help to say what the others have in common
LARGEST_LOG = 30.0  # a factor of 1e13: beyond it figures mean nothing, but must not overflow
LARGEST = math.exp(LARGEST_LOG)


@dataclass(frozen=True)
class Effects:
    """Candidates against the baseline for one quantile; arrays of shape (witnesses,), NaN: not comparable."""

    noise: Noise
    runs: npt.NDArray[np.int64]  # candidate runs that have this witness
    near: float  # share of the noise between runs that runs made in a row have in common
    larger: Floats  # variance that this revision's runs have beyond the baseline's: they have fewer samples
    total: Floats  # log ratio to the baseline as measured
    common: Floats  # log ratio that the others have in common
    effect: Floats  # log ratio, what the others share removed
    error: Floats  # standard error of ``effect``

    @property
    def degrees(self) -> Floats:
        """Of freedom, for Student's t."""
        return self.noise.degrees

    def half_width(self, probability: float) -> Floats:
        """Half the width of the two-sided interval that holds the truth with this probability."""
        return student(0.5 + probability / 2, self.degrees) * self.error

    def p_values(self, direction: int, margin: float) -> Floats:
        """One-sided: how easily runs that differ by ``margin`` seem so much slower (+1) or faster (-1)."""
        p: Floats = stdtr(self.degrees, -(direction * self.effect - margin) / self.error)
        return p

    def with_noise(self, noise: Noise) -> Effects:
        """The same effect, had the baseline taught another noise."""
        return replace(self, noise=noise)

    def error_with(self, runs: npt.NDArray[np.int64]) -> Floats:
        """Standard error with other numbers of candidate runs."""
        return _error(self.noise, runs, self.common, self.near, self.larger)


def student(probability: float, degrees: Floats) -> Floats:
    """Quantile of Student's t."""
    value: Floats = stdtrit(degrees, probability)
    return value


def factor(log: float) -> float:
    """A log ratio as a factor, never beyond what figures can mean."""
    return math.exp(min(max(log, -LARGEST_LOG), LARGEST_LOG)) if math.isfinite(log) else 1.0


def estimate(noises: Sequence[Noise], log: Floats, error: Floats, near: float) -> list[Effects]:
    """Effects of each quantile. ``log``, ``error``: (quantiles, candidate runs, witnesses).

    Done twice: an endpoint that stands out in either quantile has no vote the second time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN: that is meant
        quantiles = list(zip(noises, log, error, strict=True))
        first = [_effects(*one, near, one[0].voters) for one in quantiles]
        surprise = np.array([2 * np.fmin(one.p_values(+1, 0.0), one.p_values(-1, 0.0)) for one in first])
        p = np.nanmin(np.where(np.isnan(surprise), 1.0, surprise), axis=0)
        return [_effects(*one, near, _calm(one[0].voters, p)) for one in quantiles]


def _calm(voters: npt.NDArray[np.bool_], p: Floats) -> npt.NDArray[np.bool_]:
    """The voters without those that stand out; where all do, without the one that does most."""
    fewer = np.asarray(voters & (p >= _NO_VOTE))
    most = np.asarray(voters & (np.arange(len(p)) != np.argmin(p)))
    some, others = np.asarray(fewer.any(axis=1)), np.asarray(most.any(axis=1))
    left = np.where(some[:, None], fewer, most)
    return np.where((some | others)[:, None], left, voters)


def _effects(noise: Noise, log: Floats, error: Floats, near: float, voters: npt.NDArray[np.bool_]) -> Effects:
    runs = np.isfinite(log).sum(axis=0)
    total = np.nanmean(_completed(log - noise.level, noise.voters), axis=0)
    common = common_part(total + noise.usual, _own_variance(noise, runs, near), voters) - noise.usual
    # Far fewer samples than in the baseline: a larger sampling error. A little larger is chance.
    sampling = np.nan_to_num(np.nanmean(error**2, axis=0))
    larger = np.where(sampling > 2 * noise.error**2, sampling - noise.error**2, 0.0)
    effect = total - (1 + noise.lean) * common
    own = _error(noise, runs, common, near, larger)
    return Effects(
        noise=noise,
        runs=runs,
        near=near,
        larger=larger,
        total=total,
        common=common,
        effect=effect,
        error=np.where(np.isfinite(effect), own, math.nan),
    )


def _completed(deviation: Floats, voters: npt.NDArray[np.bool_]) -> Floats:
    """(runs, witnesses) with the machine of each run replaced by that of all runs on average.

    Without it a witness that only the slowest run has would seem slow. Changes no mean where all are there.
    """
    voting = deviation[:, voters.any(axis=0)]
    if not voting.size or np.isfinite(deviation).all():
        return deviation
    machine = np.nan_to_num(np.nanmedian(voting, axis=1))
    completed: Floats = deviation - machine[:, None] + machine.mean()
    return completed


def _own_variance(noise: Noise, runs: npt.NDArray[np.int64], near: float) -> Floats:
    """Of the mean of ``runs`` runs made in a row, against the mean of the baseline.

    They share a part of the hour's noise: their mean is not as much better than one of them as if they were
    of different nights. Sampling errors are independent all the same.
    """
    number = np.maximum(runs, 1)
    within = np.minimum(noise.error**2, noise.variance)
    between = noise.variance - within
    variance: Floats = (
        between * (near + (1 - near) / number) + within / number + noise.variance / np.maximum(noise.runs, 1)
    )
    return variance


def _error(noise: Noise, runs: npt.NDArray[np.int64], common: Floats, near: float, larger: Floats) -> Floats:
    """The more the machine differs from the baseline, the more it matters how endpoints lean."""
    error: Floats = np.sqrt(
        _own_variance(noise, runs, near) + larger / np.maximum(runs, 1) + common**2 * noise.lean_variance
    )
    return error
