"""What the command line decides by itself: how it is called, by whom, and what it ends with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import builders
import pytest
from dagster import DagsterRunStatus

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.past import suite_as_recorded
from perf_pipeline.cli.run import exit_code
from perf_pipeline.cli.shared import user_name
from perf_pipeline.core.judgement import Comparison, Judgement, Verdict
from perf_pipeline.core.model import Outcome, RunRecord
from perf_pipeline.defs.launch import LaunchResult
from perf_pipeline.report.facts import repeat_command
from perf_pipeline.report.view import build_view
from perf_pipeline.stack.prometheus_server import check_url


class TestACommandInAText:
    @pytest.fixture
    def venv(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """``.venv/bin/perf-pipeline`` in the current folder, and nothing on PATH."""
        command = tmp_path / ".venv" / "bin" / "perf-pipeline"
        command.parent.mkdir(parents=True)
        command.touch(mode=0o755)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", "/nowhere")
        return command

    @pytest.mark.parametrize("typed", ["{folder}/.venv/bin/perf-pipeline", ".venv/bin/perf-pipeline"])
    def test_is_shown_as_a_person_in_this_folder_can_call_it(
        self, venv: Path, monkeypatch: pytest.MonkeyPatch, typed: str
    ) -> None:
        monkeypatch.setattr(sys, "argv", [typed.format(folder=venv.parents[2])])
        assert as_called("perf-pipeline run shop") == ".venv/bin/perf-pipeline run shop"
        assert as_called("gone: `perf-pipeline runs` lists them") == (
            "gone: `.venv/bin/perf-pipeline runs` lists them"
        )

    def test_is_shown_with_its_whole_path_from_elsewhere(
        self, venv: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", [str(venv)])
        monkeypatch.chdir("/usr")
        assert as_called("perf-pipeline runs") == f"{venv} runs"

    def test_stays_as_it_is_where_it_is_on_path(self, venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", [str(venv)])
        monkeypatch.setenv("PATH", str(venv.parent))
        assert as_called("perf-pipeline runs") == "perf-pipeline runs"

    def test_is_told_from_the_program_s_name(self, venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", [str(venv)])
        text = "written by another version of perf-pipeline and cannot be read"
        assert as_called(text) == text

    def test_that_repeats_a_run_names_the_prometheus_that_somebody_else_runs(self) -> None:
        state = builders.stack_state(stack="external", prometheus_url="http://metrics:9090")
        assert repeat_command(builders.run_record(stack=state)) == (
            "perf-pipeline run multiplayer --target local --profile standard --prometheus http://metrics:9090"
        )


def ended(status: DagsterRunStatus = DagsterRunStatus.SUCCESS, **overrides: Any) -> LaunchResult:
    good: dict[str, Any] = {
        "run_id": builders.RUN_ID,
        "step": None,
        "sentence": None,
        "internal_error": False,
        "report": None,
        "step_s": {},
        "asked_to_end": False,
    }
    return LaunchResult(status=status, **(good | overrides))


def code(result: LaunchResult, record: RunRecord | None = None, *, require_verdict: bool = False) -> int:
    record = record or builders.run_record()
    return exit_code(result, record.outcome, record, require_verdict=require_verdict)


class TestTheExitCode:
    @pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.REGRESSED, Outcome.SLO_BREACHED])
    def test_is_that_of_the_outcome(self, outcome: Outcome) -> None:
        assert code(ended(), builders.run_record(outcome=outcome)) == outcome.exit_code

    def test_of_a_run_that_was_interrupted_after_it_had_passed_is_130(self) -> None:
        assert code(ended(DagsterRunStatus.CANCELED)) == 130

    def test_says_that_something_of_ours_broke_whatever_the_run_found(self) -> None:
        assert code(ended(DagsterRunStatus.FAILURE, internal_error=True)) == 1

    def test_is_5_without_a_verdict_where_one_is_required(self) -> None:
        undecided = builders.run_record(comparison=builders.comparison({"get_news": Verdict.INCONCLUSIVE}))
        not_compared = builders.run_record(
            comparison=Comparison(
                run_id=builders.RUN_ID,
                compared=False,
                why_not="no baseline",
                judgement=Judgement(endpoints={}),
            )
        )
        assert [code(ended(), one, require_verdict=True) for one in (undecided, not_compared)] == [5, 5]
        assert [code(ended(), one) for one in (undecided, not_compared)] == [0, 0]
        assert code(ended(), require_verdict=True) == 0

    def test_of_a_breach_stays_4_although_a_verdict_is_required(self) -> None:
        breached = builders.run_record(outcome=Outcome.SLO_BREACHED)
        assert code(ended(), breached, require_verdict=True) == 4


class TestAUser:
    def test_without_a_name_is_known_by_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
        assert user_name() == "uid 3999999999"


class TestTheUrlOfAPrometheus:
    @pytest.mark.parametrize(
        "url", ["http://localhost:9090", "https://metrics.example.com/prom", "http://[::1]:1"]
    )
    def test_is_taken_without_its_last_slash(self, url: str) -> None:
        assert check_url(f"{url}/") == url

    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost:9o90",
            "localhost:9090",
            "http://",
            "http://host:99999",
            "http://a b",
            "http://a?b=c",
        ],
    )
    def test_is_refused_with_an_example(self, url: str) -> None:
        with pytest.raises(
            ValueError, match="is not the URL of a Prometheus; one looks like http://localhost"
        ):
            check_url(url)

    @pytest.mark.parametrize(
        "url",
        [
            "http://user:SECRET@localhost:9090",
            "http://SECRET@localhost",
            "http://user:SEC/RET@localhost",
            "user:SECRET@localhost",
            "http://localhost?token=SECRET",
        ],
    )
    def test_is_refused_with_a_password_and_does_not_repeat_it(self, url: str) -> None:
        with pytest.raises(ValueError, match="Prometheus") as refused:
            check_url(url)
        assert "SEC" not in str(refused.value)


class TestAnOldRun:
    def test_can_be_shown_from_its_record_alone(self) -> None:
        record = builders.run_record()
        view = build_view(record, suite=suite_as_recorded(record))
        known = build_view(record, suite=builders.suite())
        assert [(one.name, one.p95, one.objective, one.verdict) for one in view.endpoints] == [
            (one.name, one.p95, one.objective, one.verdict) for one in known.endpoints
        ]
        assert (view.hints, view.sentence, view.repeat) == (known.hints, known.sentence, known.repeat)
