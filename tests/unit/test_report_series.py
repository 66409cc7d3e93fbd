"""Every report of a series says which runs were judged, why more follow, and what happens next."""

from __future__ import annotations

import io
import re

import builders
import pytest
from report_examples import confirmed, passed, suspect
from rich.console import Console

from perf_pipeline.core.model import FollowUp, RunRecord
from perf_pipeline.report.html import render_html
from perf_pipeline.report.json_report import read_json, render_json
from perf_pipeline.report.markdown import render_markdown
from perf_pipeline.report.series import series_lines
from perf_pipeline.report.terminal import print_run
from perf_pipeline.report.view import build_view


def reports(record: RunRecord) -> dict[str, str]:
    """Each as running text, without the breaks of lines."""
    view = build_view(record, suite=builders.suite())
    screen = io.StringIO()
    print_run(view, console=Console(file=screen, width=100))
    found = {"html": render_html(view), "markdown": render_markdown(view), "terminal": screen.getvalue()}
    return {name: re.sub(r"\s+", " ", text.replace("&#39;", "'")) for name, text in found.items()}


@pytest.mark.parametrize("kind", ["html", "markdown", "terminal"])
class TestAReport:
    def test_of_a_confirming_run_names_the_runs_it_rests_on_and_those_left_out(self, kind: str) -> None:
        text = reports(confirmed()[0])[kind]
        assert "judged over 2 runs of this revision: 1a2b3c4d, 0f1e2d3c" in text
        assert "run 5e6f7a8b-0000-4000-8000-000000000001 does not count: it is invalid" in text

    def test_of_a_run_that_asks_says_why_and_what_happens_next(self, kind: str) -> None:
        text = reports(suspect()[0])[kind]
        assert (
            "not final (get_news may have changed: another run tells): the command line goes on with" in text
        )
        assert "neither enters the baseline or opens the release gate" in text


class TestARunOnItsOwn:
    def test_has_nothing_to_say(self) -> None:
        assert series_lines(passed()[0]) == ()

    def test_says_that_another_one_would_help_where_nobody_starts_it(self) -> None:
        record = passed()[0]
        more = record.comparison.judgement.model_copy(update={"more": "get_news may have changed"})
        comparison = record.comparison.model_copy(update={"judgement": more})
        (line,) = series_lines(record.model_copy(update={"comparison": comparison}))
        assert line == (
            "one more run of this revision would help (get_news may have changed), "
            "and confirmation is switched off"
        )

    def test_is_left_to_the_sensor_when_nobody_waits_for_it(self) -> None:
        record = suspect()[0]
        request = record.stack.request.model_copy(update={"follow_up": FollowUp.SENSOR})
        (line,) = series_lines(
            record.model_copy(update={"stack": record.stack.model_copy(update={"request": request})})
        )
        assert "the confirmation sensor starts the next run, where Dagster's daemon is up" in line


class TestTheJsonReport:
    def test_keeps_the_series_and_what_it_asks_for(self) -> None:
        for record, _ in (suspect(), confirmed()):
            assert read_json(render_json(record)) == record
