"""How long a verdict takes.

    python -m benchmarks.verdict.speed

Made-up samples of identical runs; the best and the median of several comparisons each. The last column says
what the median may be.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from perf_pipeline.core.model import Samples
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

CASES = ((7, 2_000, 8, 0.1), (7, 2_000, 20, None), (200, 2_000, 8, 2.0), (1, 10_000_000, 1, None))
REPEATS = 7


def main() -> None:
    """Print one row per size."""
    print("endpoints  samples each  baseline runs   best s  median s  may be")
    for endpoints, number, runs, aim in CASES:
        rng = np.random.default_rng(1)
        *baseline, candidate = (_run(rng, endpoints, number) for _ in range(runs + 1))
        took = []
        for _ in range(REPEATS if number * endpoints < 1e6 else 3):
            started = time.perf_counter()
            compare(baseline, [candidate], VerdictSettings())
            took.append(time.perf_counter() - started)
        figures = f"{min(took):9.3f} {statistics.median(took):9.3f} {aim or '-':>7}"
        print(f"{endpoints:9d} {number:13,d} {runs:14d}{figures}")


def _run(rng: np.random.Generator, endpoints: int, number: int) -> dict[str, Samples]:
    t_ms = np.sort(rng.uniform(0, 120_000, number))
    return {
        f"endpoint_{place}": Samples(t_ms, np.exp(rng.normal(3, 0.3, number)), np.ones(number, bool))
        for place in range(endpoints)
    }


if __name__ == "__main__":
    main()
