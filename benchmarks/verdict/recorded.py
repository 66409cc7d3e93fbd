"""The judge on recorded runs of the reference backend; see record.py.

    python -m benchmarks.verdict.recorded [--trials 100] [--baseline-runs 8] [--leave-out ENDPOINT ...]
        [--folder DIR] [--write PART] [--calibrate]

One row per case. Every run takes its turn as the revision, against identical runs drawn as its baseline;
further runs of its case follow when the judge asks for them. A case's factor is what the backend was told; a
client sees a little less of it, so that coverage is given for identical runs and injected slowdowns alone.
Those are injected into the samples of identical runs. Last come the runs that a pipeline must not let pass.

`--calibrate` prints instead what `perf-pipeline calibrate` would say of the identical runs.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.verdict.recording import ALL, FOLDER, SAME, Recorded, read
from benchmarks.verdict.tables import COLUMNS, SETTINGS, TimedJudge, line, markdown, put_into, row
from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.calibration import calibrate
from perf_pipeline.core.model import RunSamples
from perf_pipeline.core.replay import Injection, replay, same_trials, without
from perf_pipeline.core.tally import Tally, Trial
from perf_pipeline.report.terminal_calibration import print_calibration

RESULTS = Path(__file__).with_name("RESULTS.md")
EFFECTS = (1.05, 1.1, 1.2, 1.5)

Runs = Mapping[str, RunSamples]


def case_trials(
    entries: Sequence[Recorded], runs: Runs, label: str, *, number: int, baseline_runs: int, seed: int
) -> Iterator[Trial]:
    """``entries``: the valid ones, in the order of the recording."""
    same = [entry.id for entry in entries if entry.label == SAME]
    order = {entry.id: place for place, entry in enumerate(entries)}
    case = [entry for entry in entries if entry.label == label]
    rng = np.random.default_rng(seed)
    for trial in range(number if case else 0):
        first = case[trial % len(case)].id
        others = [other for other in same if other != first]
        chosen = sorted(
            rng.choice(others, min(baseline_runs, len(others)), replace=False), key=order.__getitem__
        )
        spare = [entry.id for entry in case if entry.id not in (first, *chosen)]
        queue = [first, *rng.permutation(spare).tolist()]
        names = [name for name in runs[first] if name != CONTROL]
        what = case[0].injected
        hit = names if what.get("endpoint") == ALL else [what["endpoint"]] if what else []
        scaled = what.get("kind") == "scale"

        def candidate(place: int, queue: Sequence[str] = queue) -> RunSamples | None:
            return runs[queue[place]] if place < len(queue) else None

        yield Trial(
            [runs[one] for one in chosen],
            candidate,
            slower=dict.fromkeys(hit, float(what["factor"])) if scaled else {},
            tail=frozenset() if scaled else frozenset(hit),
            everything=len(hit) == len(names),
        )


def rows_of(
    recording: Sequence[tuple[Recorded, RunSamples]], *, number: int, baseline_runs: int, seed: int
) -> Iterator[tuple[str, ...]]:
    """One per case, then the injected slowdowns."""
    entries = [entry for entry, _ in recording if entry.valid]
    runs = {entry.id: samples for entry, samples in recording}
    for label in dict.fromkeys([SAME, *sorted(entry.label for entry in entries)]):
        judge = TimedJudge()
        trials = case_trials(entries, runs, label, number=number, baseline_runs=baseline_runs, seed=seed)
        yield _row(label, replay(judge, trials), judge)
    same = [runs[entry.id] for entry in entries if entry.label == SAME]
    names = [name for name in same[0] if name != CONTROL] if same else []
    cases = [(f"injected +{factor - 1:.0%}", factor, 1.0) for factor in EFFECTS]
    for label, factor, share in [*cases, ("injected tail 8 % x3", 3.0, 0.08)]:
        judge, tally = TimedJudge(), Tally()
        for name in names:
            what = Injection(name, factor, share)
            each = max(1, number // len(names))
            for trial in same_trials(same, baseline_runs=baseline_runs, trials=each, seed=seed, what=what):
                replay(judge, [trial], tally=tally)
        yield _row(label, tally, judge)


def _row(label: str, tally: Tally, judge: TimedJudge) -> tuple[str, ...]:
    cells = row(label, tally, judge.seconds)
    return cells if label == SAME or label.startswith("injected") else (*cells[:8], *["-"] * 4, cells[12])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100, help="of each case")
    parser.add_argument("--baseline-runs", type=int, default=8)
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="ENDPOINT", help="judge without these")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="PART", help="part of RESULTS.md that becomes this table")
    parser.add_argument("--calibrate", action="store_true", help="show the calibration of the identical runs")
    args = parser.parse_args()
    recording = [(entry, without(samples, args.leave_out)) for entry, samples in read(args.folder)]
    if args.calibrate:
        same = [samples for entry, samples in recording if entry.valid and entry.label == SAME]
        found = calibrate(same, SETTINGS, control=CONTROL, most_baseline=args.baseline_runs)
        print_calibration(found, title=f"identical runs in {args.folder.name}")
        return 0
    print(line(COLUMNS), flush=True)
    rows = []
    for cells in rows_of(recording, number=args.trials, baseline_runs=args.baseline_runs, seed=args.seed):
        rows.append(cells)
        print(line(cells), flush=True)
    refused = _refused([entry for entry, _ in recording])
    print("\n" + "\n".join(refused))
    if args.write:
        put_into(RESULTS, args.write, markdown(rows) + "\n" + "".join(f"- {one}\n" for one in refused))
    return 0


def _refused(entries: Sequence[Recorded]) -> list[str]:
    """What the pipeline said of the runs that must not pass, and how many good ones it refused."""
    said = [
        f"{one.id} {one.label} (CPU {one.cpu or 0:.0%}): {'; '.join(one.reasons) or 'let pass'}"
        for one in entries
        if not one.meant_valid
    ]
    others = Counter(
        reason.partition(":")[0]
        for one in entries
        if one.meant_valid and not one.valid
        for reason in one.reasons
    )
    return said + [f"of the other cases, refused for {name}: {number}" for name, number in others.items()]


if __name__ == "__main__":
    raise SystemExit(main())
