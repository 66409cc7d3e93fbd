"""What a person reads at the end of a run. Whole tables are the expected values: look at them."""

from __future__ import annotations

import io

import builders
import pytest
import report_examples as examples
from rich.console import Console

from perf_pipeline.core.model import Outcome
from perf_pipeline.report.terminal import print_baselines, print_compare, print_run, print_runs
from perf_pipeline.report.view import build_view
from perf_pipeline.store.values import BaselineMember, Promotion, StoredBaseline, StoredRun

REGRESSED = """\
REGRESSED  get_game_data p50 +48 % (interval +41..+56 %) against 5 baseline runs
multiplayer on local, profile standard, revision rev-2, 2026-11-20 12:00:00 UTC

Objectives  latency of successful requests, in ms
   endpoint             requests  errors   p50   p95  objective  headroom  SLO
   join_room                 550     0 %  21.9  32.8        300      89 %  met
   get_state                 550     0 %  9.01  13.2        200      93 %  met
   leaderboard               550     0 %  13.7  20.5        400      95 %  met
   get_news                  550     0 %  6.08  9.08        300      97 %  met
   get_recommendations       550     0 %  34.8  53.0        400      87 %  met
   get_game_data             550     0 %   176   268        500      46 %  met
   update_player             550     0 %  17.1  25.5        300      92 %  met

Against the baseline  5 baseline runs of revision rev-1
   endpoint                p50      interval     p95    interval  verdict       seen from
=  join_room            +0.0 %  -4.9..+5.1 %  +0.0 %  -14..+16 %  unchanged     10 % / 10 %
-  get_state             -20 %    -24..-16 %  +0.0 %  -14..+16 %  improved      10 % / 10 %
=  leaderboard          +0.0 %  -4.9..+5.1 %  +0.0 %  -14..+16 %  unchanged     10 % / 10 %
~  get_news             +6.0 %   -6.0..+20 %       –              inconclusive  10 % / –
=  get_recommendations  +0.0 %  -4.9..+5.1 %  +0.0 %  -14..+16 %  unchanged     10 % / 10 %
+  get_game_data         +48 %    +41..+56 %   +52 %  +24..+86 %  regressed     10 % / 35 %
=  update_player        +0.0 %  -4.9..+5.1 %  +0.0 %  -14..+16 %  unchanged     10 % / 10 %
   nothing in common
+  get_game_data: slower: p50 +48 % (interval +41..+56 %)
~  get_news: about 4 more baseline runs would settle it

Warnings
?  k6's log was cut at its cap [log_truncated]

baseline  did not enter the baseline: get_game_data regressed
report    runs/0f1e2d3c/report.html
next      Was it chance? Run it again:
          perf-pipeline run multiplayer --target local --profile standard
          Is the slowdown wanted? Start the baseline anew from this run:
          perf-pipeline baseline accept 0f1e2d3c --reset --reason 'why it is wanted'
"""

TARGET_LOST = """\
SLO BREACHED  the target was lost at 12:01:20 UTC
!  join_room: 550 of 550 requests failed, objective 1 % [slo_breached]
multiplayer on local, profile standard, revision rev-2, 2026-11-20 12:00:00 UTC

Objectives  latency of successful requests, in ms
   endpoint             requests  errors   p50   p95  objective  headroom  SLO
!  join_room                 550   100 %     –     –        300         –  breached
!  get_state                 550    36 %  8.83  12.8        200      94 %  breached
   leaderboard               550     0 %  13.7  20.5        400      95 %  met
   get_news                  550     0 %  6.08  9.08        300      97 %  met
   get_recommendations       550     0 %  34.8  53.0        400      87 %  met
   get_game_data             550     0 %   119   181        500      64 %  met
   update_player             550     0 %  17.1  25.5        300      92 %  met

Against the baseline  no baseline yet

baseline  did not enter the baseline: the run is slo_breached
report    runs/0f1e2d3c/report.html
next      Once the cause is gone:
          perf-pipeline run multiplayer --target local --profile standard
"""


def text_of(example: str, *, width: int = 100, report: str = "runs/0f1e2d3c/report.html") -> str:
    record, run = examples.EXAMPLES[example]()
    view = build_view(record, suite=builders.suite(), samples=run, baseline=examples.BASELINE)
    return printed(width, lambda console: print_run(view, report=report, console=console))


def printed(width: int, do) -> str:
    out = io.StringIO()
    do(Console(file=out, width=width, highlight=False))
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


class TestTheEndOfARun:
    def test_a_regression_is_told_with_its_size_the_noise_and_what_to_do(self):
        assert text_of("regressed") == REGRESSED

    def test_a_breach_names_every_reason_and_marks_the_endpoints(self):
        assert text_of("target_lost") == TARGET_LOST

    @pytest.mark.parametrize("example", examples.EXAMPLES)
    def test_no_outcome_needs_more_than_100_columns(self, example):
        assert max(len(line) for line in text_of(example).splitlines()) <= 100

    @pytest.mark.parametrize("example", examples.EXAMPLES)
    def test_the_outcome_comes_first_in_words(self, example):
        record, _ = examples.EXAMPLES[example]()
        assert text_of(example).startswith(record.outcome.value.upper().replace("_", " ") + "  ")

    def test_names_verdicts_and_numbers_survive_80_columns(self):
        lines = text_of("regressed", width=80).splitlines()
        assert "+  get_game_data         +48 %    +41..+56 %   +52 %  +24..+86 %  regressed" in lines

    def test_the_path_of_the_report_is_never_broken(self):
        path = "/a" * 80 + "/report.html"
        assert path in text_of("passed", report=path)

    def test_a_name_in_square_brackets_is_not_markup(self):
        record, _ = examples.passed()
        odd = record.model_copy(update={"sentence": "passed: [bold]/[/x] and [red]"})
        view = build_view(odd, suite=builders.suite())
        assert printed(100, lambda console: print_run(view, console=console)).startswith(
            "PASSED  [bold]/[/x] and [red]"
        )


class TestColour:
    def test_is_absent_where_no_color_is_set(self, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")
        record, _ = examples.regressed()
        out = io.StringIO()
        console = Console(file=out, width=100, force_terminal=True, highlight=False)
        print_run(build_view(record, suite=builders.suite()), console=console)
        assert "\x1b[31m" not in out.getvalue() and "\x1b[1;31m" not in out.getvalue()

    def test_piped_output_keeps_the_width_of_the_tables(self, capsys):
        record, _ = examples.regressed()
        print_run(build_view(record, suite=builders.suite()))
        assert "regressed     10 % / 35 %" in capsys.readouterr().out


def stored_run(**overrides) -> StoredRun:
    good = {
        "run_id": builders.RUN_ID,
        "suite": "multiplayer",
        "target": "local",
        "profile": "standard",
        "revision": "1b6e2a4f9c0d1b6e2a4f9c0d",
        "base_url": "http://127.0.0.1:8000",
        "outcome": Outcome.PASSED,
        "sentence": "passed",
        "launched_by": "tests",
        "note": "",
        "host": "here",
        "owner_pid": 1,
        "owner_started": 0.0,
        "run_folder": "runs/1",
        "fingerprint_key": "abc",
        "started_at": builders.STARTED,
        "ended_at": builders.STARTED,
        "measured": True,
        "in_baseline": True,
    }
    return StoredRun(**(good | overrides))


class TestTheListOfRuns:
    def test_shows_one_run_per_line(self):
        runs = [
            stored_run(run_id="a" * 36, outcome=None, in_baseline=False, revision=None),
            stored_run(run_id="b" * 36, outcome=Outcome.SLO_BREACHED, in_baseline=False, revision="rev-3"),
            stored_run(),
        ]
        assert printed(100, lambda console: print_runs(runs, console=console)) == (
            "   run          started (UTC)     suite        target  profile   revision        outcome\n"
            "   aaaaaaaa     2026-11-20 12:00  multiplayer  local   standard  unknown         running\n"
            "!  bbbbbbbb     2026-11-20 12:00  multiplayer  local   standard  rev-3           SLO breached\n"
            "=  0f1e2d3c  *  2026-11-20 12:00  multiplayer  local   standard  1b6e2a4f9c0d..  passed\n"
            "*  counts in the baseline\n"
        )


class TestTwoRunsBesideEachOther:
    def test_show_both_figures_and_the_change(self):
        first, _ = examples.passed()
        second, _ = examples.regressed()
        text = printed(100, lambda c: print_compare(first, second, second.comparison.judgement, console=c))
        row = (
            "+  get_game_data            119   176   +48 %      181   268   +52 %         0 %  0 %  regressed"
        )
        assert row in text.splitlines()
        assert text.startswith("was 0f1e2d3c  2026-11-20 12:00:00 UTC, revision rev-2, passed\nis  0f1e2d3c")
        assert max(len(line) for line in text.splitlines()) <= 100


class TestABaseline:
    def test_shows_its_runs_and_who_decided_what(self):
        member = BaselineMember(
            mode="automatic",
            fingerprint_key="abc",
            run_id=builders.RUN_ID,
            revision="rev-1",
            outcome=Outcome.PASSED,
            started_at=builders.STARTED,
            accepted_at=builders.STARTED,
            accepted_by="ada",
            reason="calm night",
            removed_at=None,
            removed_by=None,
            removed_reason=None,
        )
        decision = Promotion(
            at=builders.STARTED,
            who="ada",
            action="accept",
            fingerprint_key="abc",
            suite="multiplayer",
            target="local",
            profile="standard",
            run_ids=[builders.RUN_ID],
            reason="calm night",
        )
        baseline = StoredBaseline(
            mode="automatic",
            in_use=True,
            fingerprint=builders.fingerprint(),
            fingerprint_key="abc",
            created_at=builders.STARTED,
            created_by="ada",
            reason="first",
            members=[member],
            promotions=[decision],
        )
        assert printed(100, lambda console: print_baselines([baseline], console=console)) == (
            "automatic baseline of multiplayer on local, profile standard  in use\n"
            "   fingerprint abc: k6 1, embedded, linux-x86_64-2cpu\n"
            "  run       started (UTC)     revision  outcome  accepted by  why\n"
            "  0f1e2d3c  2026-11-20 12:00  rev-1     passed   ada          calm night\n"
            "Decisions, newest first\n"
            "  when (UTC)        who  what    runs  why\n"
            "  2026-11-20 12:00  ada  accept     1  calm night\n"
            "\n"
        )
