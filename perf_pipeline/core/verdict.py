"""Is this revision slower than its baseline? One verdict per endpoint, with effect, interval and noise.

The seam: ``compare`` is a pure function from baseline samples and candidate samples to a ``Judgement``.
docs/verdict.md tells the mathematics, with its sources and what was measured. In steps:

1. p50 and p95 of each endpoint and run, freed of what all suffered at the same moments (``core.quantiles``).
2. The baseline runs teach how much identical runs differ (``core.noise``).
3. The effect of each endpoint is what it did beyond the others (``core.effects``); what all did together is
   the machine or the service, which the control tells apart (``core.service``).
4. ``regressed`` (``improved``): the effect is over the floors of the settings in per cent *and* in ms, and it
   stands among all tests and looks (``core.looks``). What is merely likely is *leaning*: a hint, and a reason
   not to take the run into the baseline yet.
5. ``unchanged``: both intervals lie within the tolerances, and all endpoints together are where they were.
   All else is ``inconclusive``, with what would settle it (``core.advice``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from perf_pipeline.core import looks, service
from perf_pipeline.core.case import Case
from perf_pipeline.core.effects import estimate
from perf_pipeline.core.judgement import EndpointVerdict, Judgement, Verdict
from perf_pipeline.core.model import Samples
from perf_pipeline.core.noise import learn
from perf_pipeline.core.quantiles import P50, P95, QUANTILES, RunFigures, durations, figures
from perf_pipeline.core.service import Elsewhere, Stalled
from perf_pipeline.suite import MOST_RUNS, VerdictSettings


def compare(
    baseline: Sequence[Mapping[str, Samples]],
    candidates: Sequence[Mapping[str, Samples]],
    settings: VerdictSettings,
    *,
    control: str | None = None,
    elsewhere: Elsewhere | None = None,
    most_runs: int = MOST_RUNS,
    near: float = looks.NEAR,
) -> Judgement:
    """Judge the runs of a revision (1 to ``most_runs``) against the baseline runs; both oldest first.

    ``control``: the name under which the runs hold the requests to the control process; no endpoint.
    ``elsewhere``: what else the machine did. ``near``: share of the noise between runs that the runs of the
    revision have in common, because they were made one after the other. Never raises on odd data (missing
    endpoints, NaN, no samples): an endpoint is ``no_baseline`` when the baseline lacks it, ``inconclusive``
    when the candidates do.
    """
    names = sorted({name for run in (*baseline, *candidates) for name in run} - {control})
    if not names or not candidates:
        return Judgement(endpoints={})
    if control is not None and not _there(control, baseline, candidates):
        control = None
    witnesses = [*names, control] if control is not None else names
    judgement = judge(
        [figures(run, witnesses) for run in baseline],
        [figures(run, witnesses) for run in candidates],
        names,
        settings,
        control=control is not None,
        elsewhere=elsewhere,
        most_runs=most_runs,
        near=near,
        seconds=max(measured_seconds(run) for run in candidates),
    )
    return judgement.model_copy(
        update={
            "endpoints": {
                name: _with_reason(one, baseline, candidates) for name, one in judgement.endpoints.items()
            }
        }
    )


def judge(
    baseline: Sequence[RunFigures],
    candidates: Sequence[RunFigures],
    names: Sequence[str],
    settings: VerdictSettings,
    *,
    control: bool,
    elsewhere: Elsewhere | None = None,
    most_runs: int = MOST_RUNS,
    near: float = looks.NEAR,
    seconds: float = 0.0,
) -> Judgement:
    """As ``compare``, from each run's figures; ``control``: they hold one more witness than ``names``."""
    shape = (len(QUANTILES), len(names) + control)
    old_log, old_error, new_log, new_error = (
        np.moveaxis(np.array([getattr(run, what) for run in runs], float).reshape(-1, *shape), 0, 1)
        for runs in (baseline, candidates)
        for what in ("log", "error")
    )
    noises = [
        learn(old_log[row], old_error[row], quantile, control=control)
        for row, quantile in enumerate(QUANTILES)
    ]
    both = estimate(noises, new_log, new_error, near)
    alarms = looks.ALARMS[min(most_runs, MOST_RUNS)]
    look = min(len(candidates), most_runs)
    case = Case(
        names=names,
        both=both,
        settings=settings,
        look=look,
        most_runs=max(most_runs, look),
        alarms=alarms,
        baseline_runs=len(baseline),
        near=near,
        seconds=seconds,
    )
    whole = service.of(
        both,
        endpoints=len(names),
        control=control,
        rate=case.level(alarms * looks.SERVICE_SHARE),
        floors=(math.log1p(settings.floor_ratio), case.margins[1]),
        elsewhere=elsewhere,
        stalled=Stalled(
            [run.stalled_ratio for run in baseline],
            float(np.mean([run.stalled_ratio for run in candidates])),
        ),
    )
    return case.judged(whole)


def _there(
    control: str, baseline: Sequence[Mapping[str, Samples]], candidates: Sequence[Mapping[str, Samples]]
) -> bool:
    """Whether every run of the revision and most of the baseline have enough samples of it to rely on."""
    had, has = (
        [len(durations(run.get(control))[0]) >= P95.min_samples for run in runs]
        for runs in (baseline, candidates)
    )
    return all(has) and 2 * sum(had) > len(had)


def measured_seconds(run: Mapping[str, Samples]) -> float:
    """How long a run measured."""
    spans = [float(np.ptp(t)) / 1000.0 for t, _ in map(durations, run.values()) if len(t)]
    return max((span for span in spans if math.isfinite(span)), default=0.0)


def _with_reason(
    one: EndpointVerdict,
    baseline: Sequence[Mapping[str, Samples]],
    candidates: Sequence[Mapping[str, Samples]],
) -> EndpointVerdict:
    """Of an endpoint without any effect: which side lacks the samples."""
    if one.p50 is not None or one.p95 is not None:
        return one
    enough = [len(durations(run.get(one.endpoint))[0]) >= P50.min_samples for run in baseline]
    if not any(enough):
        sentence = f"no baseline run has enough samples of {one.endpoint}"
        return one.model_copy(update={"verdict": Verdict.NO_BASELINE, "sentence": sentence})
    successes = max(len(durations(run.get(one.endpoint))[0]) for run in candidates)
    sentence = f"too few successful requests in this run ({successes}, needed {P50.min_samples})"
    return one.model_copy(update={"sentence": sentence})
