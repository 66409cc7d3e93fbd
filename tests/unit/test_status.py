"""What `perf-pipeline status` finds worth a person's time, and what it leaves alone."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import builders
import pytest
from rich.console import Console

from perf_pipeline.core.model import Outcome
from perf_pipeline.report.status import status_view
from perf_pipeline.report.status_model import DaemonView, Found, HomeView, StatusView
from perf_pipeline.report.terminal_status import print_status
from perf_pipeline.store.values import ArchivedRun, DeployState, Notice, Pause, StoredDeploy, StoredRun
from perf_pipeline.suite import Schedule, Suite

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
NIGHTLY = Schedule(name="nightly", cron="0 2 * * *", timezone="UTC", profile="standard", enabled=True)
LAST_NIGHT = datetime(2026, 11, 25, 2, tzinfo=UTC)
HERE = ("multiplayer", "local")
ALIVE = DaemonView(
    last_sign=NOW - timedelta(seconds=20), alive=True, switched={}, failed_ticks={}, last_failure=""
)


REGRESSED = "multiplayer on local: regressed: get_state is slower (standard, 2026-11-25 02:00 UTC)"


def scheduled() -> Suite:
    local = builders.suite().targets["local"]
    return builders.suite(targets={"local": local.model_copy(update={"schedules": (NIGHTLY,)})})


def a_run(started_at: datetime = LAST_NIGHT, **overrides: object) -> StoredRun:
    good: dict[str, object] = {
        "run_id": f"{started_at:%d%H%M}00-0000",
        "suite": "multiplayer",
        "target": "local",
        "profile": "standard",
        "revision": "1.4.0",
        "base_url": "http://127.0.0.1:8000",
        "outcome": Outcome.PASSED,
        "sentence": "passed: 7 endpoints met their objectives.",
        "launched_by": "schedule nightly",
        "note": "",
        "host": "bench-1",
        "owner_pid": 1,
        "owner_started": 0.0,
        "run_folder": "/runs",
        "fingerprint_key": "f",
        "started_at": started_at,
        "ended_at": started_at + timedelta(minutes=3),
        "measured": True,
        "in_baseline": True,
    }
    return StoredRun(**(good | overrides))  # type: ignore[arg-type]


SLOWER = a_run(outcome=Outcome.REGRESSED, sentence="regressed: get_state is slower.")


def a_month(**overrides: object) -> Found:
    """One that went well: a run in each of 30 nights, archived; the daemon alive, room on the disk."""
    runs = [a_run(LAST_NIGHT - timedelta(days=night)) for night in range(30)]
    good = Found(
        at=NOW,
        days=30,
        suites=[scheduled()],
        broken_suites=[],
        runs=runs,
        last={HERE: runs[0]},
        ended={HERE: runs},
        baseline={HERE: {"standard": 10}},
        pauses=[],
        deploys=[],
        notices=[],
        archives={
            run.run_id: ArchivedRun(
                run_id=run.run_id,
                place=run.run_id,
                manifest_sha256="",
                bytes=2**20,
                archived_at=run.started_at,
                pruned_at=None,
                pruned_reason=None,
            )
            for run in runs
        },
        unarchived=[],
        daemon=ALIVE,
        home=HomeView(
            folder="/srv/perf", free_bytes=100 * 2**30, parts={"runs": 60 * 2**20, "dagster": 2**20}
        ),
    )
    return replace(good, **overrides)  # type: ignore[arg-type]


def with_newest(run: StoredRun) -> Found:
    month = a_month()
    return replace(month, runs=[run, *month.runs[1:]], last={HERE: run}, ended={HERE: [run, *month.runs[1:]]})


def needs(found: Found) -> list[str]:
    return [need.sentence for need in status_view(found).needs]


def shown(view: StatusView) -> str:
    out = io.StringIO()
    print_status(view, console=Console(file=out, width=100, highlight=False, emoji=False, markup=False))
    return out.getvalue()


class TestAMonthThatWentWell:
    def test_needs_nobody(self) -> None:
        assert needs(a_month()) == []

    def test_fits_on_one_screen(self) -> None:
        assert shown(status_view(a_month())) == (
            "Status  2026-11-25 10:00 UTC, the last 30 days\n"
            "\n"
            "multiplayer on local\n"
            "last run      passed, 8 hours ago (25020000, standard, revision 1.4.0, schedule nightly)\n"
            "30 days       30 runs: 30 passed\n"
            "baseline      standard 10 runs\n"
            "next due      nightly 2026-11-26 02:00 UTC (standard)\n"
            "\n"
            "This machine\n"
            "daemon        alive, last sign just now\n"
            "archives      30, the oldest from 27 Oct 2026, 30 MB\n"
            "disk          100.0 GB free; 61 MB in /srv/perf: runs 60 MB, dagster 1 MB\n"
            "\n"
            "Nothing needs a person.\n"
        )


class TestWhatNeedsAPerson:
    def test_is_a_daemon_that_has_died(self) -> None:
        silent = ALIVE.model_copy(update={"alive": False, "last_sign": LAST_NIGHT})
        assert needs(a_month(daemon=silent)) == [
            "Dagster's daemon has given no sign of life since 2026-11-25 02:00 UTC: nothing starts by itself"
        ]

    def test_is_a_night_without_a_run(self) -> None:
        month = a_month()
        slept = replace(month, runs=month.runs[1:], last={HERE: month.runs[1]})
        assert needs(slept) == [
            "multiplayer on local: nightly was due at 2026-11-25 02:00 UTC, and no run has begun since"
        ]

    def test_is_not_a_night_before_anything_ran_here(self) -> None:
        assert needs(a_month(runs=[], last={})) == []

    def test_is_a_schedule_that_somebody_switched_off(self) -> None:
        off = ALIVE.model_copy(update={"switched": {"nightly_in_dagster": False}})
        names = {(*HERE, "nightly"): "nightly_in_dagster"}
        assert needs(a_month(daemon=off, schedule_names=names)) == [
            "multiplayer on local: nightly is on in the suite file and was switched off in Dagster"
        ]

    def test_is_a_sensor_that_fails(self) -> None:
        failing = ALIVE.model_copy(update={"failed_ticks": {"deploy_sensor": 3}, "last_failure": "no route"})
        assert needs(a_month(daemon=failing)) == [
            "Dagster could not evaluate deploy_sensor 3 times; the last time: no route"
        ]
        once = failing.model_copy(update={"failed_ticks": {"deploy_sensor": 1}})
        assert needs(a_month(daemon=once)) == [
            "Dagster could not evaluate deploy_sensor 1 time; the last time: no route"
        ]

    def test_is_a_regression_until_a_later_run_was_judged(self) -> None:
        assert needs(with_newest(SLOWER)) == [REGRESSED]
        month = a_month()
        older = SLOWER.model_copy(update={"started_at": LAST_NIGHT - timedelta(days=3)})
        assert needs(replace(month, ended={HERE: [month.runs[0], older]})) == []

    @pytest.mark.parametrize("later", [{"profile": "smoke"}, {"outcome": None, "sentence": ""}])
    def test_is_a_regression_that_a_newer_run_says_nothing_about(self, later: dict[str, object]) -> None:
        newer = a_run(NOW, **later)
        ended = [one for one in (newer, SLOWER) if one.outcome is not None]
        assert needs(a_month(runs=[newer, SLOWER], last={HERE: newer}, ended={HERE: ended})) == [REGRESSED]

    @pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.NOT_READY, Outcome.LOST, Outcome.INVALID])
    def test_is_a_regression_beside_what_kept_the_next_run_from_a_result(self, outcome: Outcome) -> None:
        newer = a_run(NOW, outcome=outcome, sentence=f"{outcome}: somehow.")
        found = a_month(runs=[newer, SLOWER], last={HERE: newer}, ended={HERE: [SLOWER, newer]})
        assert needs(found) == [
            f"multiplayer on local: the newest run of standard ended as {outcome}: somehow",
            REGRESSED,
        ]

    def test_is_a_target_that_was_not_ready(self) -> None:
        down = a_run(outcome=Outcome.NOT_READY, sentence="not_ready: the target does not answer.")
        (need,) = status_view(with_newest(down)).needs
        assert need.sentence == (
            "multiplayer on local: the newest run of standard ended as not_ready: the target does not answer"
        )
        assert need.command == "perf-pipeline doctor multiplayer --target local"

    def test_is_a_pause_that_somebody_forgot(self) -> None:
        pause = Pause(suite=None, target="local", reason="release", who="eva", at=LAST_NIGHT)
        (need,) = status_view(a_month(pauses=[pause])).needs
        assert need.sentence.startswith("every suite on local is paused since 2026-11-25 02:00 UTC by eva")
        assert need.command == "perf-pipeline resume --target local"
        page = io.StringIO()
        print_status(
            status_view(a_month(pauses=[pause])),
            as_called=lambda text: text.replace("`perf-pipeline", "`.venv/bin/perf-pipeline"),
            console=Console(file=page, width=200),
        )
        assert "release; `.venv/bin/perf-pipeline resume --target local` ends it" in page.getvalue()

    def test_is_no_missed_night_while_it_was_paused(self) -> None:
        month = a_month()
        pause = Pause(suite=None, target=None, reason="release", who="eva", at=LAST_NIGHT)
        slept = replace(month, runs=month.runs[1:], last={HERE: month.runs[1]}, pauses=[pause])
        assert len(needs(slept)) == 1

    def test_is_a_deploy_that_was_never_measured(self) -> None:
        deploy = StoredDeploy(
            suite="multiplayer",
            target="local",
            number=4,
            revision="b7",
            previous_revision="a1",
            source="marker",
            seen_at=LAST_NIGHT,
            note="",
            state=DeployState.ABANDONED,
            sentence="3 runs were not ready",
            attempts=3,
            run_id=None,
            decided_at=LAST_NIGHT,
        )
        assert needs(a_month(deploys=[deploy])) == [
            "multiplayer on local: deploy 4 (b7) was not measured: 3 runs were not ready"
        ]

    def test_is_an_archive_that_has_not_caught_up(self) -> None:
        assert needs(a_month(unarchived=[a_run()])) == ["1 ended run without an archive"]
        just_ended = a_run(ended_at=NOW - timedelta(minutes=1))
        assert needs(a_month(unarchived=[just_ended])) == []

    def test_is_a_disk_that_is_nearly_full(self) -> None:
        full = HomeView(folder="/srv/perf", free_bytes=2**30, parts={})
        assert needs(a_month(home=full)) == ["only 1.0 GB are free for /srv/perf"]

    def test_is_a_suite_file_that_cannot_be_read(self) -> None:
        assert needs(a_month(broken_suites=["k6/shop/suite.yaml:1: no"])) == ["k6/shop/suite.yaml:1: no"]


class TestWhatIsShown:
    def test_has_the_runs_without_a_result_with_their_sentences(self) -> None:
        lost = a_run(outcome=Outcome.LOST, sentence="lost: its process ended without saying how.")
        page = shown(status_view(with_newest(lost)))
        assert "25 Nov 02:00  25020000 lost: its process ended without saying how." in page
        assert "30 runs: 29 passed, 1 lost" in page

    def test_has_the_notices(self) -> None:
        notice = Notice(at=NOW, kind="orphan", suite=None, target=None, sentence="ended k6 of a dead run")
        assert "25 Nov 10:00  ended k6 of a dead run" in shown(status_view(a_month(notices=[notice])))

    def test_names_targets_where_nothing_happens_in_one_line(self) -> None:
        page = shown(status_view(a_month(suites=[builders.suite()], runs=[], last={}, baseline={})))
        assert "unused        no runs, and nothing starts by itself: multiplayer on local" in page
