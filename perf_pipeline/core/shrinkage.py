"""Variances from a handful of runs, drawn towards what is typical over all endpoints.

After Smyth (2004), "Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments": each endpoint's variance is a poor figure from seven degrees of freedom, seven
endpoints together are a fair one, and how far apart the endpoints are says how much to believe which.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import digamma, polygamma

from perf_pipeline.core.quantiles import Floats, Quantile

ASSUMED_DEGREES = 4.0  # of an interval that rests on the assumed spread alone
_ASSUMED_RUNS = 0.5  # the assumed spread counts as so many degrees of freedom beside measured ones
_WIDEST = 20.0  # log: beyond it a variance is of constant durations, or of nonsense


def shrunk(own: Floats, degrees: Floats, within: Floats, quantile: Quantile) -> tuple[Floats, Floats]:
    """(variance, degrees of freedom): each endpoint's own drawn towards what is typical for all.

    What is typical is the endpoint's sampling error, which is known, plus a spread between runs common to
    all. How strongly it is drawn depends on how different the endpoints are (``_prior_degrees``).
    """
    counted = degrees > 0
    floor = quantile.least_spread**2 + within**2
    assumed = quantile.assumed_spread**2 + within**2
    if not counted.any():
        return assumed, np.full(len(own), ASSUMED_DEGREES)
    excess = float(np.median((own - within**2)[counted]))
    typical = np.maximum(excess, quantile.least_spread**2) + within**2
    ratio, freedom = (own / typical)[counted], degrees[counted]
    prior_degrees = _prior_degrees(ratio, freedom)
    if math.isfinite(prior_degrees):
        logs = np.log(np.maximum(ratio, 1e-9)) - digamma(freedom / 2) + np.log(freedom / 2)
        half = prior_degrees / 2
        middle = float(np.average(logs, weights=freedom)) + float(digamma(half)) - math.log(half)
        scale = math.exp(min(max(middle, -_WIDEST), _WIDEST))
    else:
        scale = float(np.average(ratio, weights=freedom))
    pooled = freedom.sum() * (len(own) - 1) / len(own) if len(own) > 1 else freedom.sum()
    share = pooled / (pooled + _ASSUMED_RUNS)
    typical *= scale
    # Drawn upwards only: the assumption guards against runs that agree by chance.
    typical = np.maximum(typical, typical**share * assumed ** (1 - share))
    if math.isfinite(prior_degrees):
        variance = (prior_degrees * typical + degrees * own) / (prior_degrees + degrees)
    else:
        variance = typical
    most = max(pooled + _ASSUMED_RUNS, ASSUMED_DEGREES)
    return np.maximum(variance, floor), np.minimum(prior_degrees + degrees, most)


def _prior_degrees(ratio: Floats, degrees: Floats) -> float:
    """How many degrees of freedom what is typical is worth; inf: the endpoints do not differ visibly.

    Smyth's moment estimate from the spread of log variances, less what chance alone explains. So few
    endpoints scatter by chance, so one standard error of that is taken off as well.
    """
    number = len(ratio)
    if number < 3:
        return ASSUMED_DEGREES
    by_chance = float(np.mean(polygamma(1, degrees / 2))) * (1 + math.sqrt(2 / (number - 1)))
    beyond = float(np.var(np.log(np.maximum(ratio, 1e-9)) - digamma(degrees / 2), ddof=1)) - by_chance
    return 2 * _trigamma_inverse(beyond) if beyond > 1e-3 else math.inf


def _trigamma_inverse(value: float) -> float:
    """Newton's method on 1/trigamma, which is nearly linear (Smyth 2004, appendix)."""
    y = 0.5 + 1 / value
    for _ in range(30):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-8 * y:
            break
    return max(y, 0.25)
