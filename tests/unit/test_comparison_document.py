"""``comparison.md``: what one run changed against its baseline, for people who read nothing else."""

from __future__ import annotations

from pathlib import Path

import builders
import pytest
import report_examples as examples

from perf_pipeline.report.markdown import render_comparison
from perf_pipeline.report.view import build_view

REGRESSED = Path(__file__).with_suffix(".golden.txt")


def document(example: str) -> str:
    record, run = examples.EXAMPLES[example]()
    return render_comparison(
        build_view(record, suite=builders.suite(), samples=run, baseline=examples.BASELINE)
    )


class TestBeforeAndAfter:
    def test_shows_every_endpoint_with_both_figures_the_change_and_what_it_means(self) -> None:
        assert document("regressed") == REGRESSED.read_text(encoding="utf-8")

    def test_says_why_there_is_nothing_to_compare_with(self) -> None:
        said = document("without_baseline")
        assert "Not compared: no baseline yet (this run can become it)" in said
        assert "|" not in said

    def test_names_the_runs_that_were_judged_together(self) -> None:
        assert "- judged over 2 runs of this revision: 1a2b3c4d, 0f1e2d3c" in document("confirmed")

    @pytest.mark.parametrize("example", examples.EXAMPLES)
    def test_is_there_for_every_outcome(self, example: str) -> None:
        assert document(example).startswith("# Before and after: ")
