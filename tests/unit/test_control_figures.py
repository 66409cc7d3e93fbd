"""The control beside the baseline's, and the line that reports say of it."""

from __future__ import annotations

import builders
import pytest
import report_examples

from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.control import control_figures, without_control
from perf_pipeline.core.judgement import ControlFigures
from perf_pipeline.core.model import RunRecord, Samples
from perf_pipeline.report.markdown import render_markdown
from perf_pipeline.report.view import build_view


def run(median_ms: float) -> dict[str, Samples]:
    return builders.samples() | {CONTROL: builders.endpoint_samples(median_ms=median_ms, spread=0.0)}


class TestItsFigures:
    def test_are_the_middle_of_the_runs_that_have_it(self) -> None:
        """The geometric mean, as the judge compares: 2 and 8 ms make 4 ms."""
        found = control_figures([run(2.0), run(8.0), builders.samples()], [run(3.0)])
        assert found is not None
        assert found.model_dump() == pytest.approx(
            {"p50_ms": 3.0, "p95_ms": 3.0, "baseline_p50_ms": 4.0, "baseline_p95_ms": 4.0}
        )

    def test_are_none_when_a_side_has_none(self) -> None:
        assert control_figures([builders.samples()], [run(3.0)]) is None
        assert control_figures([run(2.0)], [builders.samples()]) is None

    def test_are_no_requests_to_the_target(self) -> None:
        assert set(without_control(run(2.0))) == set(builders.samples())


class TestTheReport:
    @staticmethod
    def record() -> RunRecord:
        record, _ = report_examples.passed()
        control = ControlFigures(p50_ms=2.2, p95_ms=3.0, baseline_p50_ms=2.0, baseline_p95_ms=3.0)
        comparison = record.comparison.model_copy(update={"control": control})
        return record.model_copy(update={"comparison": comparison})

    def test_says_both_quantiles_and_where_they_come_from(self) -> None:
        line = (
            "the control, which does the same work in every run: "
            "p50 2.20 ms (+10 % from 2.00 ms), p95 3.00 ms (+0.0 % from 3.00 ms)"
        )
        view = build_view(self.record(), suite=builders.suite())
        assert view.control == line
        assert line in render_markdown(view)
        without, _ = report_examples.passed()
        assert build_view(without, suite=builders.suite()).control == ""

    def test_draws_the_requests_to_the_target_alone(self) -> None:
        without = build_view(self.record(), suite=builders.suite(), samples=builders.samples())
        beside = build_view(self.record(), suite=builders.suite(), samples=run(2.0))
        assert beside.rate.sent_per_s.tolist() == without.rate.sent_per_s.tolist()
