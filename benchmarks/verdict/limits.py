"""What no judge can do better: the information in the data, if all variances were known.

    python -m benchmarks.verdict.limits

For machines with a given spread of one endpoint's own p50 between identical runs (log, what all endpoints
share removed): how often a slowdown can be found with one false alarm in a hundred verdicts, and how many of
the unchanged endpoints can be shown to be unchanged. Seven endpoints, eight baseline runs, p50 alone: every
test more costs, and so does a variance that has to be learnt.
"""

from __future__ import annotations

import math

from scipy.stats import norm

ENDPOINTS, BASELINE = 7, 8
ALARMS = 0.01
TOLERANCE = 0.10
SPREADS = {"quiet": 0.0135, "shared": 0.037, "stormy": 0.071}  # own noise and sampling error together
SLOWDOWNS = (0.05, 0.10, 0.20)


def error(spread: float, candidates: int) -> float:
    """Standard error of an endpoint against the six others, all of them as noisy."""
    return spread * math.sqrt((1 / candidates + 1 / BASELINE) * (1 + 1 / (ENDPOINTS - 1)))


def found(spread: float, slowdown: float, candidates: int) -> float:
    """Power of the one-sided test, alarms divided over the endpoints."""
    bar = norm.isf(ALARMS / ENDPOINTS)
    return float(norm.sf(bar - math.log1p(slowdown) / error(spread, candidates)))


def shown_unchanged(spread: float, candidates: int) -> float:
    """Chance that the 95 % interval of an unchanged endpoint lies within the tolerance."""
    one = error(spread, candidates)
    low, high = math.log1p(-TOLERANCE) + 1.96 * one, math.log1p(TOLERANCE) - 1.96 * one
    return max(0.0, float(norm.cdf(high / one) - norm.cdf(low / one)))


def main() -> None:
    """Print one row per machine and number of candidate runs."""
    print(
        "| machine | candidate runs | found: "
        + " | ".join(f"+{one:.0%}" for one in SLOWDOWNS)
        + " | shown unchanged |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for name, spread in SPREADS.items():
        for candidates in (1, 2, 3):
            powers = " | ".join(f"{found(spread, one, candidates):.2f}" for one in SLOWDOWNS)
            print(f"| {name} | {candidates} | {powers} | {shown_unchanged(spread, candidates):.2f} |")


if __name__ == "__main__":
    main()
