"""Which algorithm dates changes in a history of runs, and cries wolf least? Writes RESULTS.md beside it.

The libraries are no dependency of the project; see the command in RESULTS.md. ``--histories`` of
identical runs per cell.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import ruptures
from otava.analysis import compute_change_points

from benchmarks.history.histories import CHANGES, NOISES, Change, Floats, noise
from perf_pipeline.core.change_points import MIN_SEGMENT, TO_DEVIATION, find_cuts

Method = Callable[[Floats], list[int]]
LENGTHS = (20, 50, 100, 200)
NEAR = 2  # runs: so close, a change counts as dated
SUITE = 14  # histories of a suite: 7 endpoints, 2 quantiles
POWER_SHARE = 4  # fewer histories are enough to tell 50 % from 60 %
RESULTS = Path(__file__).with_name("RESULTS.md")


def _otava(p: float) -> Method:
    def find(values: Floats) -> list[int]:
        points, _ = compute_change_points(np.exp(values).tolist(), max_pvalue=p)
        return [point.index for point in points]

    return find


def _scale(values: Floats) -> float:
    """Standard deviation of the noise, from differences of neighbours: a change of level does not count."""
    steps = np.diff(values)
    return TO_DEVIATION * float(np.median(np.abs(steps - np.median(steps)))) / np.sqrt(2)


def _ruptures(search: Any, penalty: float) -> Method:
    def find(values: Floats) -> list[int]:
        fitted = search.fit(values.reshape(-1, 1))
        found: list[int] = fitted.predict(pen=penalty * _scale(values) ** 2 * np.log(len(values)))
        return found[:-1]

    return find


def _own(alpha: float) -> Method:
    return lambda values: [cut.index for cut in find_cuts(values, alpha=alpha)]


PELT = ruptures.KernelCPD(kernel="linear", min_size=MIN_SEGMENT)  # PELT with squared errors, in C

METHODS: dict[str, Method] = {
    "Otava, p 0.001 (its default)": _otava(1e-3),
    "Otava, p 0.00001": _otava(1e-5),
    "PELT, penalty 3 log n": _ruptures(PELT, 3),
    "PELT, penalty 6 log n": _ruptures(PELT, 6),
    "BinSeg, penalty 6 log n": _ruptures(ruptures.Binseg(model="l2", min_size=MIN_SEGMENT, jump=1), 6),
    "own, alpha 0.01": _own(0.01),
    f"own, alpha 0.01 / {SUITE}": _own(0.01 / SUITE),
}


def _false(method: Method, kind: str, runs: int, histories: int) -> str:
    found = [len(method(one)) for one in noise(kind, np.random.default_rng([1, runs]), histories, runs)]
    return f"{100 * np.mean([number > 0 for number in found]):.1f}"


def _power(method: Method, change: Change, kind: str, histories: int) -> str:
    values = noise(kind, np.random.default_rng([2, change.runs]), histories, change.runs) + change.added()
    found = [method(one) for one in values]
    middle = change.at + (change.over - 1) / 2
    near = NEAR + (change.over - 1) / 2
    errors = [min((abs(index - middle) for index in one), default=np.inf) for one in found]
    dated = 100 * np.mean([error <= near for error in errors])
    seen = 100 * np.mean([len(one) > 0 for one in found])
    more = 100 * np.mean([len(one) > 1 for one in found])
    return f"{seen:.0f} / {dated:.0f} / {more:.0f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    started = time.process_time()
    speed = {name: _milliseconds(method) for name, method in METHODS.items()}
    false = [
        [kind, name, *(_false(method, kind, runs, asked.histories) for runs in LENGTHS)]
        for kind in NOISES
        for name, method in METHODS.items()
    ]
    power = [
        [
            change.name,
            name,
            *(_power(method, change, kind, asked.histories // POWER_SHARE) for kind in POWER_NOISES),
        ]
        for change in CHANGES
        for name, method in METHODS.items()
    ]
    text = TEXT.format(
        otava=version("apache-otava"),
        ruptures=version("ruptures"),
        histories=asked.histories,
        minutes=(time.process_time() - started) / 60,
        near=NEAR,
        speed=_table(["method", "ms per history of 200"], [[n, f"{ms:.1f}"] for n, ms in speed.items()]),
        false=_table(["noise", "method", *(f"{runs} runs" for runs in LENGTHS)], false),
        power=_table(["change", "method", *POWER_NOISES], power),
    )
    asked.out.write_text(text, encoding="utf-8")
    print(text)


def _milliseconds(method: Method) -> float:
    values = noise("normal", np.random.default_rng(3), 5, 200)
    started = time.monotonic()
    for one in values:
        method(one)
    return 1000 * (time.monotonic() - started) / len(values)


POWER_NOISES = ("normal", "heavy tails", "waves, weak", "common part removed")

TEXT = (Path(__file__).with_name("results.md.in")).read_text(encoding="utf-8")

if __name__ == "__main__":
    main()
