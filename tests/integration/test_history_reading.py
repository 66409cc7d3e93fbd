"""The history out of a store: what is read, what the command line and a report say of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import builders
import cli_parts
import pytest
from builders import STARTED, fingerprint
from history_parts import keep, nightly
from rich.console import Console

from perf_pipeline.core.history_model import Past
from perf_pipeline.core.history_words import findings, reset_advice
from perf_pipeline.core.model import Outcome
from perf_pipeline.report.html import render_html
from perf_pipeline.report.markdown import render_markdown
from perf_pipeline.report.terminal_history import print_history
from perf_pipeline.report.view import build_view
from perf_pipeline.store.past import past_of, read_past
from perf_pipeline.store.repository import Store

NIGHTS, CHANGED = 40, 32
SLOWER = {"get_game_data": 1.15}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Forty nights; from night 32 on an endpoint is slower, and all runs enter the baseline."""
    with Store(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.sqlite'}") as made:
        for night in range(NIGHTS):
            alarm = night in (5, CHANGED)
            keep(
                made,
                nightly(
                    night,
                    slower=SLOWER if night >= CHANGED else None,
                    outcome=Outcome.REGRESSED if alarm else Outcome.PASSED,
                ),
                enters=not alarm,
            )
        keep(made, nightly(NIGHTS, outcome=Outcome.INVALID, slower={"get_state": 9.0}), enters=False)
        for night in range(3):
            elsewhere = fingerprint(plan_hash="plan-0")
            keep(made, nightly(night, under=elsewhere, prefix="old", first=STARTED - timedelta(days=9)))
        yield made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> cli_parts.Project:
    made = cli_parts.make_project(tmp_path_factory.mktemp("project"))
    first = datetime.now(UTC) - timedelta(days=NIGHTS)
    with made.store() as store:
        for night in range(NIGHTS):
            slower = {"get_news": 1.3} if night >= CHANGED else None
            keep(store, nightly(night, slower=slower, under=cli_parts.under(), first=first))
    return made


def past(store: Store, **more: str) -> Past:
    now = STARTED + timedelta(days=NIGHTS + 1)
    return read_past(store, builders.suite(), target="local", profile="standard", now=now, **more)


class TestThePast:
    def test_is_that_of_valid_runs_under_the_newest_fingerprint(self, store: Store) -> None:
        found = past(store)
        assert found.history is not None
        assert (found.history.runs, found.other_runs) == (NIGHTS, 3)
        assert past(store, fingerprint_key=found.other_fingerprints[0]).history.runs == 3  # type: ignore[union-attr]

    def test_dates_the_change(self, store: Store) -> None:
        (said,) = findings(past(store))
        assert said.startswith(
            "get_game_data: since run night-03 (revision rev-of-night-032, 22 Dec 2026): p50 +1"
        )

    def test_says_that_the_baseline_spans_it_and_how_to_reset_it(self, store: Store) -> None:
        sentence, command = reset_advice(past(store)) or ("", "")
        assert sentence.startswith("the baseline still spans the change of get_game_data on 22 Dec 2026")
        assert command.startswith(
            "perf-pipeline baseline reset multiplayer --target local --profile standard --from night-03"
        )

    def test_counts_alarms(self, store: Store) -> None:
        budget = past(store).budget
        assert (budget.runs, budget.alarms, budget.not_seen_again) == (NIGHTS + 3, 2, 2)

    def test_of_a_run_ends_with_it(self, store: Store) -> None:
        early = nightly(20)
        ended = early.load.model_copy(update={"ended_at": early.load.started_at + timedelta(minutes=3)})
        record = early.model_copy(update={"load": ended})
        found = past_of(record, suite=builders.suite(), store=store)
        assert found.history is not None
        assert found.history.until == record.load.started_at
        assert findings(found) == []

    def test_of_a_suite_that_never_ran_is_empty(self, store: Store) -> None:
        now = STARTED
        found = read_past(store, builders.suite(), target="local", profile="smoke", now=now)
        assert (found.history, found.spanned, found.budget.runs) == (None, [], 0)


class TestInReports:
    def test_the_change_is_named_and_drawn(self, store: Store) -> None:
        view = build_view(nightly(NIGHTS - 1), suite=builders.suite(), past=past(store))
        assert "get_game_data: since run night-03" in render_markdown(view)
        page = render_html(view)
        assert page.count("over runs (log scale)") == len(builders.ENDPOINTS)
        assert "22 Dec 2026</text>" in page
        assert "2 alarms" in page

    def test_without_a_past_nothing_is_said_of_it(self) -> None:
        assert "History" not in render_html(build_view(nightly(1), suite=builders.suite()))

    def test_the_terminal_shows_levels_changes_and_the_budget(self, store: Store) -> None:
        out = io.StringIO()
        print_history(past(store).only(["get_game_data"]), console=Console(file=out, width=100))
        lines = out.getvalue().splitlines()
        (row,) = [line for line in lines if line.startswith("+  2026-12-22")]
        assert row.split()[2:6] == ["night-03", "rev-of-night-032", "get_game_data", "p50"]
        assert "join_room" not in out.getvalue()
        assert any(line.startswith("!  the baseline still spans the change") for line in lines)
        assert any("2 alarms" in line for line in lines)


class TestTheCommand:
    def test_shows_changes_with_dates_and_what_to_do(self, project: cli_parts.Project) -> None:
        answer = project.call("history")
        assert (answer.code, answer.err) == (0, "")
        assert "get_news" in answer.out
        assert "baseline reset" in answer.out

    def test_speaks_json(self, project: cli_parts.Project) -> None:
        document = project.call("history", "--endpoint", "get_news", "--json").document
        (found,) = document["history"]["endpoints"]
        assert {change["run_id"] for change in found["changes"]} == {f"night-{CHANGED:03}"}
        assert document["budget_sentence"].endswith(f"{NIGHTS} valid runs, 0 alarms")

    def test_refuses_an_endpoint_that_is_not_there(self, project: cli_parts.Project) -> None:
        answer = project.call("history", "--endpoint", "nowhere")
        assert answer.code == 2
        assert answer.line.startswith("perf-pipeline: --endpoint 'nowhere' is not in suite")

    def test_says_when_nothing_was_run(self, project: cli_parts.Project, tmp_path: Path) -> None:
        answer = project.call("history", PERF_PIPELINE_STORE_URL=f"sqlite:///{tmp_path / 'new.sqlite'}")
        assert answer.code == 0
        assert answer.out.startswith("no valid run of")
