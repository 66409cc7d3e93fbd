"""The judge in simulated worlds, where the truth is known.

    python -m benchmarks.verdict.simulated --trials 20 [--same-trials 100] [--world quiet --world shared]
        [--case same] [--baseline-runs 8] [--leave-out 0] [--write PART]

Prints one row per world and case. *wrong alarm*: in `same` and `machine` a false alarm, else an alarm on an
endpoint that was not slowed. `--leave-out N`: without N endpoints, drawn anew for every trial. `--write` puts
the table into RESULTS.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.verdict.tables import COLUMNS, TimedJudge, line, markdown, put_into, row
from benchmarks.verdict.worlds import WORLDS, History, Truth, World
from perf_pipeline.core.model import RunSamples
from perf_pipeline.core.replay import Injection, replay, without
from perf_pipeline.core.tally import Trial

RESULTS = Path(__file__).with_name("RESULTS.md")
SAME = ("same", "machine +30 %")

# The slowed endpoint is another one in every trial.
Case = Callable[[list[str], np.random.Generator], Truth]


def _one(factor: float, share: float = 1.0) -> Case:
    return lambda names, rng: Truth((Injection(str(rng.choice(names)), factor, share),))


CASES: dict[str, Case] = {
    "same": lambda _names, _rng: Truth(),
    "machine +30 %": lambda _names, _rng: Truth(machine=1.3),
    "one +5 %": _one(1.05),
    "one +10 %": _one(1.10),
    "one +20 %": _one(1.20),
    "one +50 %": _one(1.50),
    "tail 8 % x3": _one(3.0, 0.08),
    "one -20 %": _one(0.80),
    "all +20 %": lambda names, _rng: Truth(tuple(Injection(name, 1.2) for name in names)),
}


def trials(
    world: World, case: str, number: int, *, seed: int, baseline_runs: int, leave_out: int
) -> Iterator[Trial]:
    """Each with a machine of its own and a history of its own."""
    for trial in range(number):
        rng = np.random.default_rng([seed, list(WORLDS).index(world.name), list(CASES).index(case), trial])
        yield _trial(world, case, rng, baseline_runs, leave_out)


def _trial(world: World, case: str, rng: np.random.Generator, baseline_runs: int, leave_out: int) -> Trial:
    history = History(world, rng)
    left_out = rng.choice(list(world.services), leave_out, replace=False).tolist()
    names = [name for name in world.services if name not in left_out]
    truth = CASES[case](names, rng)
    baseline = [without(history.run(), left_out) for _ in range(baseline_runs)]

    def candidate(_number: int) -> RunSamples:
        return without(history.run(truth, candidate=True), left_out)

    return Trial(
        baseline,
        candidate,
        slower={one.endpoint: one.factor for one in truth.injections if not one.of_tail},
        tail=frozenset(one.endpoint for one in truth.injections if one.of_tail),
        everything=len(truth.injections) == len(names),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=20, help="of cases with something to find")
    parser.add_argument("--same-trials", type=int, help="of cases without (default: five times --trials)")
    parser.add_argument("--world", action="append", choices=WORLDS, help="may be repeated; default: all")
    parser.add_argument("--case", action="append", choices=CASES, help="may be repeated; default: all")
    parser.add_argument("--baseline-runs", type=int, nargs="+", default=[8])
    parser.add_argument("--leave-out", type=int, default=0, help="endpoints to leave out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="PART", help="part of RESULTS.md that becomes this table")
    args = parser.parse_args()
    same_trials = args.same_trials or 5 * args.trials
    rows = []
    print(line(COLUMNS), flush=True)
    for name in args.world or WORLDS:
        for case in args.case or CASES:
            for baseline_runs in args.baseline_runs:
                judge = TimedJudge()
                tally = replay(
                    judge,
                    trials(
                        WORLDS[name],
                        case,
                        same_trials if case in SAME else args.trials,
                        seed=args.seed,
                        baseline_runs=baseline_runs,
                        leave_out=args.leave_out,
                    ),
                )
                title = f"{name}: {case}"
                title += f", k={baseline_runs}" if len(args.baseline_runs) > 1 else ""
                rows.append(row(title, tally, judge.seconds))
                print(line(rows[-1]), flush=True)
    if args.write:
        put_into(RESULTS, args.write, markdown(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
