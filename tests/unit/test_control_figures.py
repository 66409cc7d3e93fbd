"""The control beside the baseline's, and the line that reports say of it."""

from __future__ import annotations

import builders
import report_examples

from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.control import control_figures, without_control
from perf_pipeline.core.model import ControlFigures, Samples
from perf_pipeline.report.facts import control_line


def run(median_ms: float) -> dict[str, Samples]:
    return builders.samples() | {CONTROL: builders.endpoint_samples(median_ms=median_ms, spread=0.0)}


class TestItsFigures:
    def test_are_the_middle_of_the_runs_that_have_it(self) -> None:
        baseline = [run(2.0), run(9.0), run(2.2), builders.samples()]
        assert control_figures(baseline, [run(3.0)]) == ControlFigures(
            p50_ms=3.0, p95_ms=3.0, baseline_p50_ms=2.2, baseline_p95_ms=2.2
        )

    def test_are_none_when_a_side_has_none(self) -> None:
        assert control_figures([builders.samples()], [run(3.0)]) is None
        assert control_figures([run(2.0)], [builders.samples()]) is None

    def test_are_no_requests_to_the_target(self) -> None:
        assert set(without_control(run(2.0))) == set(builders.samples())


class TestTheLine:
    def test_says_both_quantiles_and_where_they_come_from(self) -> None:
        record, _ = report_examples.passed()
        control = ControlFigures(p50_ms=2.2, p95_ms=3.0, baseline_p50_ms=2.0, baseline_p95_ms=3.0)
        comparison = record.comparison.model_copy(update={"control": control})
        assert control_line(record.model_copy(update={"comparison": comparison})) == (
            "the control, which does the same work in every run: "
            "p50 2.20 ms (+10 % from 2.00 ms), p95 3.00 ms (+0.0 % from 3.00 ms)"
        )
        assert control_line(record) == ""
