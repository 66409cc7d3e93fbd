"""What a measured run is compared with, and whether it joins it: the store asked, the pure core deciding."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from perf_pipeline.core.baseline import BaselineDecision, baseline_decision
from perf_pipeline.core.judgement import BaselineRef, Comparison, EndpointVerdict, Judgement, Series, Verdict
from perf_pipeline.core.judging import judge
from perf_pipeline.core.model import Fingerprint, LoadResult, Outcome, RunSamples, SloReport
from perf_pipeline.defs.series import Earlier, earlier_runs
from perf_pipeline.store.baseline_sets import PINNED
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import Suite

ReadSamples = Callable[[Path], RunSamples]


def compare_with_baseline(
    *,
    suite: Suite,
    load: LoadResult,
    slo: SloReport,
    store: Store,
    run_folder: Callable[[str], Path],
    read_samples: ReadSamples,
) -> Comparison:
    """The verdict per endpoint, or why there is none. ``read_samples`` raises FileNotFoundError."""
    started = time.monotonic()
    if not slo.valid:
        return _not_compared(suite, load, "the run is invalid, and an invalid run is not compared")
    run = store.find_run(load.run_id)
    earlier = earlier_runs(store, run, load)
    ref = _baseline(store, suite, run, load, earlier)
    if ref is None:
        return _not_compared(suite, load, _why_no_baseline(store, load.fingerprint, suite.baseline.minimum))
    baseline = samples_of(ref.run_ids, run_folder=run_folder, read_samples=read_samples)
    missing = [run_id for run_id in ref.run_ids if run_id not in baseline]
    ref = BaselineRef(mode=ref.mode, run_ids=ref.run_ids, revisions=ref.revisions, missing_run_ids=missing)
    why = _too_few_left(ref, suite.baseline.minimum)
    if why:
        return _not_compared(suite, load, why).model_copy(update={"baseline": ref})
    together = samples_of(earlier.run_ids, run_folder=run_folder, read_samples=read_samples)
    candidates = [*together.values(), read_samples(run_folder(load.run_id))]
    judged = judge(
        baseline=list(baseline.values()),
        baseline_loads=[store.record(run_id).load for run_id in baseline],
        candidates=candidates,
        load=load,
        settings=suite.verdict,
        follow_up=run.follow_up,
    )
    return Comparison(
        run_id=load.run_id,
        compared=True,
        baseline=ref,
        series=_series(run, earlier, [*together]),
        control=judged.control,
        judgement=judged.judgement,
        judged_s=time.monotonic() - started,
    )


def _baseline(
    store: Store, suite: Suite, run: StoredRun, load: LoadResult, earlier: Earlier
) -> BaselineRef | None:
    """Frozen for a series, which is one test: that of the first of the runs that are judged together."""
    if earlier.run_ids:
        return store.record(earlier.run_ids[0]).comparison.baseline
    return store.baseline(
        load.fingerprint, suite.baseline, before=run.started_at, exclude_run=run.run_id, deploy=run.deploy
    )


def _series(run: StoredRun, earlier: Earlier, there: list[str]) -> Series | None:
    """``there``: the earlier runs whose samples still are. None: the run confirms no other."""
    if run.confirms is None:
        return None
    gone = [f"run {one} does not count: its samples are gone" for one in earlier.run_ids if one not in there]
    return Series(
        first_run_id=run.confirms, run_ids=[*there, run.run_id], left_out=[*earlier.left_out, *gone]
    )


def _too_few_left(ref: BaselineRef, minimum: int) -> str:
    """Why the runs whose samples are still there are no baseline; empty when they are one."""
    left, all_of_them = len(ref.compared_run_ids), len(ref.run_ids)
    if not left:
        return f"the samples of all {all_of_them} baseline runs are gone"
    if ref.mode == PINNED or left >= minimum:  # a pinned set is taken as it is, however small
        return ""
    gone = f"the samples of {all_of_them - left} of {all_of_them} baseline runs are gone"
    return f"{gone}: fewer than {minimum} are left"


def samples_of(
    run_ids: list[str], *, run_folder: Callable[[str], Path], read_samples: ReadSamples
) -> Mapping[str, RunSamples]:
    """Run id -> samples, in the order given, without those whose files are gone."""
    found = {}
    for run_id in run_ids:
        try:
            found[run_id] = read_samples(run_folder(run_id))
        except FileNotFoundError:
            continue
    return found


def decide_baseline(
    *,
    suite: Suite,
    load: LoadResult,
    slo: SloReport,
    comparison: Comparison,
    outcome: Outcome,
    asks: str,
    store: Store,
) -> BaselineDecision:
    """Whether the run's series enters the automatic baseline; carried out by ``Store.apply_decision``."""
    run = store.find_run(load.run_id)
    first = store.find_run(run.series)
    return baseline_decision(
        policy=suite.baseline,
        settings=suite.verdict,
        slo=slo,
        comparison=comparison,
        outcome=outcome,
        asks=asks,
        waiting=store.waiting(load.fingerprint, before=first.started_at, exclude_series=run.series),
    )


def _why_no_baseline(store: Store, fingerprint: Fingerprint, minimum: int) -> str:
    other = store.nearest_other_fingerprint(fingerprint)
    few = "no baseline yet" if minimum <= 1 else f"fewer than {minimum} accepted runs"
    if other is None:
        return f"{few}: nothing comparable was run before"
    return f"{few} under these conditions; the nearest differs in {'; '.join(fingerprint.differences(other))}"


def _not_compared(suite: Suite, load: LoadResult, why: str) -> Comparison:
    verdicts = {
        name: EndpointVerdict(endpoint=name, verdict=Verdict.NO_BASELINE, sentence=why)
        for name in suite.endpoints
    }
    return Comparison(
        run_id=load.run_id, compared=False, why_not=why, judgement=Judgement(endpoints=verdicts)
    )
