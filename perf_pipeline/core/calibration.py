"""How far this judge can be trusted on this machine: it is replayed over its own history. Pure.

The history is every valid run under one fingerprint in which nothing was found to be slower: they pass for
identical. Against each other they show the false alarms and whether intervals hold; with slowdowns injected
into their samples, what is found. ``core.recommendation`` turns their noise into a schedule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from perf_pipeline.core import recommendation
from perf_pipeline.core.calibration_model import Calibration, EndpointCalibration, QuantileNoise, Rate
from perf_pipeline.core.judgement import Judgement
from perf_pipeline.core.model import RunSamples
from perf_pipeline.core.noise import Noise, learn
from perf_pipeline.core.quantiles import QUANTILES, RunFigures, figures
from perf_pipeline.core.replay import Injection, replay, same_trials
from perf_pipeline.core.tally import Share, Tally
from perf_pipeline.core.verdict import judge, measured_seconds
from perf_pipeline.core.wording import count
from perf_pipeline.suite import VerdictSettings

FEWEST_RUNS = 4  # two as a baseline, one to judge and one more if it is asked for
ENOUGH_RUNS = 12  # with fewer, the same few runs are judged over and over
SAME_TRIALS = 150
POWER_TRIALS = 12  # of one slowdown at one endpoint
SLOWDOWNS: dict[str, tuple[float, float]] = {  # name -> (factor, share of the requests)
    "+5 %": (1.05, 1.0),
    "+10 %": (1.10, 1.0),
    "+20 %": (1.20, 1.0),
    "+50 %": (1.50, 1.0),
    "tail 8 % ×3": (3.0, 0.08),
}


class HistoryJudge:
    """The judge as the pipeline calls it, over runs whose figures are taken once instead of per verdict."""

    def __init__(
        self, runs: Sequence[RunSamples], names: Sequence[str], settings: VerdictSettings, control: str
    ) -> None:
        self.names = names
        self.control = all(control in run for run in runs)
        self._witnesses = [*names, control] if self.control else list(names)
        self._settings = settings
        self.seconds = float(np.median([measured_seconds(run) for run in runs]))  # how long a run measures
        self.figures = [figures(run, self._witnesses) for run in runs]
        self._known = {id(run): of_run for run, of_run in zip(runs, self.figures, strict=True)}
        self._runs = runs  # as long as we live no other run can have the id of one of these

    def __call__(self, baseline: Sequence[RunSamples], candidates: Sequence[RunSamples]) -> Judgement:
        return judge(
            [self._figures(run) for run in baseline],
            [self._figures(run) for run in candidates],
            self.names,
            self._settings,
            control=self.control,
            most_runs=max(self._settings.runs, 1),
            seconds=self.seconds,
        )

    def _figures(self, run: RunSamples) -> RunFigures:
        return self._known.get(id(run)) or figures(run, self._witnesses)


def calibrate(
    runs: Sequence[RunSamples],
    settings: VerdictSettings,
    *,
    control: str,
    most_baseline: int,
    revisions: int = 1,
    trials: int = SAME_TRIALS,
    power_trials: int = POWER_TRIALS,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """``runs``: oldest first; ``control``: its name in them; ``most_baseline``: the suite's ``keep``.

    With fewer than ``FEWEST_RUNS`` nothing is replayed, and ``problems`` says how many are missing.
    """
    names = sorted({name for run in runs for name in run} - {control})
    problems = _problems(len(runs))
    if len(runs) < FEWEST_RUNS or not names:
        return _nothing(len(runs), revisions, problems)
    one = HistoryJudge(runs, names, settings, control)
    baseline_runs = max(2, min(most_baseline, len(runs) - 3))
    most = max(settings.runs, 1)
    on_progress(f"replaying {trials} verdicts on identical runs")
    same = replay(one, same_trials(runs, baseline_runs=baseline_runs, trials=trials), most)
    slowed: dict[str, dict[str, Tally]] = {name: {} for name in names}
    for name in names:
        on_progress(f"injecting slowdowns into {name}")
        for label, (factor, share) in SLOWDOWNS.items():
            what = Injection(name, factor, share)
            drawn = same_trials(runs, baseline_runs=baseline_runs, trials=power_trials, what=what)
            slowed[name][label] = replay(one, drawn, most)
    noises = _noises(one)
    ways = recommendation.schedules(noises, len(names), settings, one.seconds)
    chosen = recommendation.recommend(ways, settings)
    split = recommendation.quantile_noise(noises, len(names), settings, baseline_runs)
    endpoints = [
        _endpoint(name, runs, (split[0][place], split[1][place]), same, slowed[name])
        for place, name in enumerate(names)
    ]
    return Calibration(
        runs=len(runs),
        revisions=revisions,
        baseline_runs=baseline_runs,
        replayed=same.trials,
        false_alarms=Rate.of_share(same.alarm_share),
        false_improved=Rate.of_share(same.improved_share),
        inconclusive_ratio=same.inconclusive_ratio,
        p50_covered=Rate.of_share(same.coverage("p50")),
        p95_covered=Rate.of_share(same.coverage("p95")),
        p50_half_width=_known(same.half_width("p50")),
        p95_half_width=_known(same.half_width("p95")),
        runs_per_verdict=same.runs_per_verdict,
        endpoints=endpoints,
        power={label: _together([each.power[label] for each in endpoints]) for label in SLOWDOWNS},
        collateral=_together(
            [Rate.of_share(tally.alarm_share) for of_one in slowed.values() for tally in of_one.values()]
        ),
        schedules=ways,
        recommended=chosen,
        advice=recommendation.advice(chosen, endpoints, settings),
        problems=problems,
    )


def _noises(over: HistoryJudge) -> list[Noise]:
    """Of each quantile, learnt from all runs at once."""
    log = np.stack([one.log for one in over.figures], axis=1)
    error = np.stack([one.error for one in over.figures], axis=1)
    return [
        learn(log[row], error[row], quantile, control=over.control) for row, quantile in enumerate(QUANTILES)
    ]


def _endpoint(
    name: str,
    runs: Sequence[RunSamples],
    noise: tuple[QuantileNoise | None, QuantileNoise | None],
    same: Tally,
    slowed: Mapping[str, Tally],
) -> EndpointCalibration:
    return EndpointCalibration(
        endpoint=name,
        samples=int(np.median([int(run[name].ok.sum()) if name in run else 0 for run in runs])),
        p50=noise[0],
        p95=noise[1],
        false_alarms=same.alarms_of.get(name, 0),
        power={label: Rate.of_share(tally.found_share) for label, tally in slowed.items()},
    )


def _together(rates: Sequence[Rate]) -> Rate:
    return Rate.of_share(Share(sum(one.count for one in rates), sum(one.of for one in rates)))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _problems(runs: int) -> list[str]:
    if runs < FEWEST_RUNS:
        return [
            f"{count(runs, 'run')} can be replayed, and {FEWEST_RUNS} are the fewest that tell anything: "
            f"record {FEWEST_RUNS - runs} more, better {ENOUGH_RUNS - runs}"
        ]
    if runs < ENOUGH_RUNS:
        return [
            f"{count(runs, 'run')} are judged over and over in other combinations: the figures are rough, "
            f"and their intervals too narrow; {ENOUGH_RUNS} runs and more make them good"
        ]
    return []


def _nothing(runs: int, revisions: int, problems: list[str]) -> Calibration:
    none = Rate.of_share(Share(0, 0))
    return Calibration(
        runs=runs,
        revisions=revisions,
        baseline_runs=0,
        replayed=0,
        false_alarms=none,
        false_improved=none,
        inconclusive_ratio=None,
        p50_covered=none,
        p95_covered=none,
        p50_half_width=None,
        p95_half_width=None,
        runs_per_verdict=None,
        endpoints=[],
        power={},
        collateral=none,
        schedules=[],
        recommended=None,
        advice=[],
        problems=problems,
    )
