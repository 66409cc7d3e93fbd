"""The end of a measured run: its outcome, its place in the baseline, its record and its reports."""

from __future__ import annotations

from collections.abc import Callable

from perf_pipeline.core.confirmation import why_one_more
from perf_pipeline.core.judgement import Comparison
from perf_pipeline.core.model import (
    LoadResult,
    PrometheusSnapshot,
    RunRecord,
    RunReport,
    SloReport,
    StackState,
)
from perf_pipeline.core.outcome import decide_outcome, not_final
from perf_pipeline.defs.comparing import decide_baseline, samples_of
from perf_pipeline.defs.ledger import Ledger
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.series import loads_until
from perf_pipeline.store.past import past_of
from perf_pipeline.suite import Suite


def finish_run(
    *,
    suite: Suite,
    stack: StackState,
    load: LoadResult,
    snapshot: PrometheusSnapshot,
    slo: SloReport,
    comparison: Comparison,
    ledger: Ledger,
    parts: Parts,
    tell: Callable[[RunRecord], None],
) -> RunReport:
    """Decide, store, tell, report, in this order: an unwritten report takes no outcome with it."""
    outcome, sentence = decide_outcome(slo, comparison)
    asks = why_one_more(
        request=stack.request,
        policy=suite.baseline,
        settings=suite.verdict,
        slo=slo,
        comparison=comparison,
        outcome=outcome,
        loads=loads_until(ledger.store, ledger.store.find_run(load.run_id)),
    )
    decision = decide_baseline(
        suite=suite,
        load=load,
        slo=slo,
        comparison=comparison,
        outcome=outcome,
        asks=asks,
        store=ledger.store,
    )
    record = RunRecord(
        stack=stack,
        load=load,
        snapshot=snapshot,
        slo=slo,
        comparison=comparison,
        outcome=outcome,
        sentence=not_final(outcome, sentence, asks) if asks else sentence,
        baseline_sentence=decision.sentence,
        asks=asks,
    )
    record = ledger.save(record, decision, suite.baseline)
    tell(record)
    run_folder = ledger.project.run_folder
    baseline = comparison.baseline
    compared_with = baseline.run_ids if baseline else []
    return parts.reports(
        record=record,
        suite=suite,
        samples=parts.samples(run_folder(load.run_id)),
        baseline=samples_of(compared_with, run_folder=run_folder, read_samples=parts.samples),
        run_folder=run_folder(load.run_id),
        past=past_of(record, suite=suite, store=ledger.store),
    )
