"""The judge put to the test: runs of known truth, and what it says of them. Pure.

Trials come from a simulator, from recorded runs, or from a store's own history (``same_trials``), with
slowdowns injected into the samples (``inject``). The judge may ask for more runs of the revision, as it does
in earnest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perf_pipeline.core.judgement import Judgement
from perf_pipeline.core.model import RunSamples, Samples
from perf_pipeline.core.tally import Tally, Trial

MAX_CANDIDATES = 3
MOST_TRIALS = 2000  # a replay is a look at the judge, no simulation study

Judge = Callable[[Sequence[RunSamples], Sequence[RunSamples]], Judgement]
"""(baseline runs, runs of the revision; both oldest first) to a judgement."""


@dataclass(frozen=True)
class Injection:
    """A slowdown of one endpoint: ``share`` of its requests take ``factor`` times as long."""

    endpoint: str
    factor: float
    share: float = 1.0

    @property
    def of_tail(self) -> bool:
        return self.share < 1.0


def inject(run: RunSamples, what: Injection, seed: int = 0) -> RunSamples:
    """The run as if the endpoint had been slower; which requests of a tail is drawn by ``seed``."""
    one = run.get(what.endpoint)
    if one is None:
        return run
    hit = np.random.default_rng(seed).random(len(one.t_ms)) < what.share
    duration = np.where(hit, one.duration_ms * what.factor, one.duration_ms)
    return {**run, what.endpoint: Samples(t_ms=one.t_ms, duration_ms=duration, ok=one.ok)}


def without(run: RunSamples, left_out: Collection[str]) -> RunSamples:
    """The run as if these endpoints were no part of the suite."""
    return {name: one for name, one in run.items() if name not in left_out}


def same_trials(
    runs: Sequence[RunSamples],
    *,
    baseline_runs: int,
    trials: int,
    seed: int = 1,
    earlier_only: bool = False,
    what: Injection | None = None,
) -> Iterator[Trial]:
    """Identical runs against identical runs, oldest first; with ``what`` injected into the revision's.

    Every run takes its turn as the revision, with other runs drawn as its baseline, in order of time. With
    ``earlier_only`` the baseline is the ``baseline_runs`` before it, as in earnest: one trial per run that
    has so many. Nothing comes of fewer than ``baseline_runs`` + 1 runs.
    """
    rng = np.random.default_rng(seed)
    for number in range(min(trials, MOST_TRIALS) if len(runs) > baseline_runs else 0):
        if earlier_only:
            place = baseline_runs + number
            if place >= len(runs):
                return
            chosen, spare = list(range(number, place)), list(range(place + 1, len(runs)))
        else:
            place = number % len(runs)
            others = [other for other in range(len(runs)) if other != place]
            chosen = sorted(rng.choice(others, baseline_runs, replace=False).tolist())
            spare = rng.permutation([other for other in others if other not in chosen]).tolist()
        yield _trial(runs, chosen, [place, *spare], what)


def _trial(
    runs: Sequence[RunSamples], chosen: Sequence[int], order: Sequence[int], what: Injection | None
) -> Trial:
    def candidate(number: int) -> RunSamples | None:
        if number >= len(order):
            return None
        run = runs[order[number]]
        return run if what is None else inject(run, what, seed=order[number])

    baseline = [runs[one] for one in chosen]
    if what is None:
        return Trial(baseline, candidate)
    if what.of_tail:
        return Trial(baseline, candidate, tail=frozenset([what.endpoint]))
    return Trial(baseline, candidate, slower={what.endpoint: what.factor})


def judged(judge: Judge, trial: Trial, most: int = MAX_CANDIDATES) -> Judgement:
    """The last judgement of a revision that gets the runs it asks for."""
    candidates: list[RunSamples] = []
    judgement = Judgement(endpoints={})
    while len(candidates) < most:
        following = trial.candidate(len(candidates))
        if following is None:
            break
        candidates.append(following)
        judgement = judge(trial.baseline, candidates)
        if not judgement.more:
            break
    return judgement


def replay(
    judge: Judge, trials: Iterable[Trial], most: int = MAX_CANDIDATES, tally: Tally | None = None
) -> Tally:
    """What the judge makes of these trials, added to ``tally``; by default to a new one."""
    tally = Tally() if tally is None else tally
    for trial in trials:
        tally.add(trial, judged(judge, trial, most))
    return tally
