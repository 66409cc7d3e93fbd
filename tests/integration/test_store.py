"""The store keeps what it was told, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from builders import ENDPOINTS, STARTED, fingerprint
from postgres import postgres_server, postgres_url  # noqa: F401
from sqlalchemy import Connection, create_engine, inspect, text
from store_parts import (
    HOST,
    POLICY,
    at,
    begun,
    measured,
    members,
    ran,
    saved,
    together,
    undecided,
)

from perf_pipeline.core.judgement import Direction, Verdict
from perf_pipeline.core.model import Outcome
from perf_pipeline.store.database import POSTGRES_LOCK
from perf_pipeline.store.probe import look_at_store
from perf_pipeline.store.repository import BusyError, Store, StoredRun, StoreError
from perf_pipeline.store.schema import MIGRATIONS
from perf_pipeline.store.tables import SCHEMA_REVISION, VERSION_TABLE, Base
from perf_pipeline.suite import BaselinePolicy

WHY = {"who": "eva", "reason": "the cache is gone on purpose", "at": at(500)}
PLACE = {"suite": "multiplayer", "target": "local", "profile": "standard"}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be created."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'store.sqlite'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


class TestTheSchema:
    def test_is_created_from_nothing_and_agrees_with_the_models(self, url: str) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        Store(url).close()
        engine = create_engine(url)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            assert compare_metadata(context, Base.metadata) == []
            assert context.get_current_revision() == SCHEMA_REVISION
            assert ScriptDirectory(MIGRATIONS).get_current_head() == SCHEMA_REVISION
        engine.dispose()

    def test_of_the_first_version_is_brought_up_and_still_knows_which_runs_wait(self, url: str) -> None:
        with Store(url) as store:
            ran(store, "run-0", 0)
            ran(store, "run-1", 1, {"get_news": Verdict.IMPROVED})
            ran(store, "run-2", 2, {"get_state": Verdict.REGRESSED}, outcome=Outcome.REGRESSED)
        engine = create_engine(url)
        with engine.begin() as connection:
            downgrade(connection, "0001")
            connection.execute(text("UPDATE perf_runs SET awaits_confirmation = true WHERE run_id = 'run-1'"))
        engine.dispose()
        with Store(url) as store:
            waiting = store.waiting(fingerprint(), before=at(9), exclude_series="")
            assert [(one.run_ids, one.signs.slower) for one in waiting] == [
                (["run-1"], []),
                (["run-2"], ["get_state"]),
            ]
            assert store.record("run-0") == measured("run-0", started_at=at(0))

    def test_lives_in_one_database_with_tables_of_the_same_plain_names(self, url: str) -> None:
        """Dagster's own storage has ``runs`` and ``alembic_version``."""
        with Store(url):
            engine = create_engine(url)
            assert all(name.startswith("perf_") for name in inspect(engine).get_table_names())
            engine.dispose()

    def test_of_a_newer_version_is_refused_and_left_alone(self, url: str) -> None:
        Store(url).close()
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE perf_schema_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match=r"has schema 9999.*written by a newer version; update"):
            Store(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM perf_schema_version")) == "9999"
        engine.dispose()


def downgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


class TestAStoreThatCannotBeOpenedSaysSoInOneSentence:
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            (
                "postgresql://perf:hunter2@127.0.0.1:1/perf",
                r"postgresql://127\.0\.0\.1:1/perf cannot be used",
            ),
            ("postgres://perf@127.0.0.1:1/perf?password=hunter2", "cannot be used"),
            ("postgresql://perf:hunter2@127.0.0.1:1/perf?sslmode=hunter2", "cannot be used"),
            ("mysql://perf:hunter2@127.0.0.1/perf", "cannot be a mysql database: use sqlite"),
            ("hunter2", "cannot be read: use sqlite"),
            ("postgresql://perf:hunter2@127.0.0.1:port/perf", "cannot be read: use sqlite"),
            ("sqlite://", "has to be a file"),
            ("sqlite:////proc/nowhere/store.sqlite", "cannot be made"),
        ],
    )
    def test_without_the_password(self, url: str, said: str) -> None:
        with pytest.raises(StoreError, match=said) as raised:
            Store(url)
        shown = "".join(map(str, _chain(raised.value)))
        assert "hunter2" not in shown
        assert "\n" not in str(raised.value)

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "store.sqlite").write_text("not a database, " * 100)
        with pytest.raises(StoreError, match="file is not a database"):
            Store(f"sqlite:///{tmp_path / 'store.sqlite'}")

    def test_a_role_that_the_server_does_not_know(self, postgres_url: str) -> None:  # noqa: F811
        with pytest.raises(StoreError, match='role "nobody" does not exist') as raised:
            Store(postgres_url.replace("postgres:@", "nobody:hunter2@"))
        assert "hunter2" not in str(raised.value)


class TestALookAtAStore:
    """What `doctor` does; it must not change what it looks at."""

    def test_that_is_not_there_creates_nothing(self, url: str, tmp_path: Path) -> None:
        assert "first" in look_at_store(url, timeout_s=2)
        assert list(tmp_path.iterdir()) == []
        engine = create_engine(url) if url.startswith("postgres") else None
        assert engine is None or inspect(engine).get_table_names() == []

    def test_that_is_up_to_date_says_where_it_is(self, url: str) -> None:
        with Store(url) as store:
            begun(store, "run-1")
            assert look_at_store(url, timeout_s=2) == store.where
        assert look_at_store(url, timeout_s=2) == store.where

    def test_of_a_newer_version_is_refused_as_a_run_would(self, url: str) -> None:
        Store(url).close()
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE perf_schema_version SET version_num = '9999'"))
        engine.dispose()
        with pytest.raises(StoreError, match=r"has schema 9999.*written by a newer version; update"):
            look_at_store(url, timeout_s=2)

    def test_whose_server_is_down_names_no_password(self) -> None:
        with pytest.raises(StoreError, match="cannot be used") as raised:
            look_at_store("postgresql://perf:hunter2@127.0.0.1:1/perf", timeout_s=2)
        assert "hunter2" not in "".join(map(str, _chain(raised.value)))


class TestARun:
    def test_is_running_from_its_begin_until_it_is_measured(self, store: Store) -> None:
        begun(store, "run-1", base_url="http://127.0.0.1:8000")
        running = store.find_run("run-1")
        assert (running.outcome, running.ended_at, running.measured) == (None, None, False)
        assert (running.note, running.launched_by, running.owner_started) == (
            "nightly",
            "tests",
            1_700_000_000.25,
        )

        record = measured("run-1")
        store.save_record(record, at(3))
        ended = store.find_run("run-1")
        assert (ended.outcome, ended.sentence, ended.ended_at) == (Outcome.PASSED, record.sentence, at(3))
        assert ended.revision == "rev-of-run-1"
        assert ended.fingerprint_key == record.load.fingerprint.key()
        assert store.record("run-1") == record

    def test_gives_its_times_back_in_utc_whatever_zone_they_came_in(self, store: Store) -> None:
        begun(store, "run-1", at=datetime(2026, 11, 20, 14, 0, tzinfo=timezone(timedelta(hours=2))))
        started = store.find_run("run-1").started_at
        assert (started, started.tzinfo) == (STARTED, UTC)

    def test_is_refused_a_time_without_a_zone(self, store: Store) -> None:
        with pytest.raises(StoreError, match=r"2026-11-20T12:00:00 has no time zone"):
            begun(store, "run-1", at=STARTED.replace(tzinfo=None))
        assert store.list_runs() == []

    def test_that_was_saved_twice_has_its_results_once_and_the_later_ones(self, store: Store) -> None:
        saved(store, measured("run-1"))
        ended = store.find_run("run-1").ended_at
        store.save_record(
            measured("run-1", verdicts={"get_news": Verdict.REGRESSED}, outcome=Outcome.REGRESSED), at(900)
        )
        history = store.endpoint_history("multiplayer", "local", "get_news", 10)
        assert [point.verdict for point in history] == [Verdict.REGRESSED]
        assert store.find_run("run-1").outcome is Outcome.REGRESSED
        assert store.find_run("run-1").ended_at == ended  # a report made again does not prolong the run

    def test_that_ended_without_results_says_how(self, store: Store) -> None:
        begun(store, "run-1")
        assert store.set_outcome("run-1", Outcome.NOT_READY, "the target did not answer", at(1))
        with pytest.raises(
            StoreError, match=r"no results, it ended as not_ready\. the target did not answer"
        ):
            store.record("run-1")

    def test_that_was_measured_keeps_its_outcome_when_something_fails_afterwards(self, store: Store) -> None:
        saved(store, measured("run-1"))
        begun(store, "run-1", 30)
        assert not store.set_outcome("run-1", Outcome.CANCELLED, "Ctrl-C", at(31))
        assert store.find_run("run-1").outcome is Outcome.PASSED

    def test_that_is_executed_again_is_running_again_if_nothing_was_measured(self, store: Store) -> None:
        begun(store, "run-1", owner_pid=1)
        store.set_outcome("run-1", Outcome.CANCELLED, "Ctrl-C", at(1))
        begun(store, "run-1", 60, owner_pid=2)
        again = store.find_run("run-1")
        assert (again.outcome, again.owner_pid, again.started_at) == (None, 2, at(0))

    def test_that_would_not_read_back_is_refused_whole(self, store: Store) -> None:
        record = measured("run-1")
        unreadable = record.model_copy(
            update={"stack": record.stack.model_copy(update={"setup_s": math.nan})}
        )
        with pytest.raises(StoreError, match=r"would not read back from the store: stack\.setup_s: "):
            saved(store, unreadable)
        assert store.find_run("run-1").outcome is None

    def test_that_nobody_began_cannot_end(self, store: Store) -> None:
        with pytest.raises(StoreError, match="run-9 is not in the store"):
            store.set_outcome("run-9", Outcome.CANCELLED, "", at(1))


class TestOneBenchmarkAtATime:
    def test_a_second_on_the_same_generator_is_refused_until_the_first_ends(self, store: Store) -> None:
        begun(store, "run-1", exclusive=True)
        with pytest.raises(
            BusyError, match=r"run run-1 of multiplayer against local is under way on bench-1"
        ):
            begun(store, "run-2", exclusive=True)
        begun(store, "run-1", exclusive=True)  # the same run, executed again
        store.set_outcome("run-1", Outcome.CANCELLED, "", at(1))
        begun(store, "run-2", exclusive=True)

    def test_a_second_against_the_same_target_is_refused_on_another_generator_too(self, store: Store) -> None:
        begun(store, "run-1", base_url="https://staging.test")
        with pytest.raises(BusyError):
            begun(store, "run-2", host="bench-2", base_url="https://staging.test", exclusive=True)
        begun(store, "run-3", host="bench-2", base_url="https://other.test", exclusive=True)

    def test_one_on_another_host_that_is_too_old_to_be_alive_is_in_nobodys_way(self, store: Store) -> None:
        begun(store, "run-1", host="gone", base_url="https://staging.test")
        again = {"base_url": "https://staging.test", "exclusive": True, "minute": 120}
        with pytest.raises(BusyError):
            begun(store, "run-2", elsewhere_since=at(0), **again)
        begun(store, "run-2", elsewhere_since=at(1), **again)


class TestRunsWhoseProcessDied:
    def test_are_lost_but_not_those_alive_elsewhere_or_ended(self, store: Store) -> None:
        begun(store, "alive", owner_pid=1)
        begun(store, "dead", owner_pid=2)
        begun(store, "elsewhere", owner_pid=2, host="bench-2")
        saved(store, measured("ended"))

        def gone(run: StoredRun) -> str:
            return "gone" if (run.owner_pid, run.host) == (2, HOST) else ""

        lost = store.mark_lost(gone, at(5))

        assert [(run.run_id, run.outcome, run.ended_at) for run in lost] == [("dead", Outcome.LOST, at(5))]
        assert store.find_run("dead").sentence == "lost: gone"
        assert {run.run_id for run in store.list_runs(outcome=Outcome.LOST)} == {"dead"}
        assert store.mark_lost(gone, at(6)) == []

    def test_are_not_lost_when_a_re_execution_took_them_over_meanwhile(self, store: Store) -> None:
        begun(store, "run-1", owner_pid=2)

        def dies_but_is_taken_over(_run: StoredRun) -> str:
            begun(store, "run-1", owner_pid=3)
            return "gone"

        assert store.mark_lost(dies_but_is_taken_over, at(5)) == []
        assert store.find_run("run-1").outcome is None


class TestFindingRuns:
    def test_lists_the_newest_first_and_only_what_fits(self, store: Store) -> None:
        for minute, run_id in enumerate(["a", "b", "c"]):
            saved(store, measured(run_id, started_at=at(minute)))
        saved(store, measured("smoke", started_at=at(9), under=fingerprint(profile="smoke")))
        assert [run.run_id for run in store.list_runs(profile="standard", limit=2)] == ["c", "b"]
        assert [run.run_id for run in store.list_runs(since=at(2))] == ["smoke", "c"]
        assert store.list_runs(target="staging") == []

    def test_by_the_beginning_of_the_id(self, store: Store) -> None:
        for run_id in ("0f1e-a", "0f1e-b", "0f1e", "7_77"):
            begun(store, run_id)
        assert store.find_run("7").run_id == "7_77"
        assert store.find_run("0f1e").run_id == "0f1e"  # a whole id is never ambiguous
        with pytest.raises(StoreError, match="'0f1e-' is ambiguous, it may be 0f1e-b, 0f1e-a"):
            store.find_run("0f1e-")
        for nothing in ("x", "", "_", "%"):
            with pytest.raises(StoreError, match="no run has an id that begins with"):
                store.find_run(nothing)

    def test_gives_the_history_of_an_endpoint_oldest_first(self, store: Store) -> None:
        for minute in range(3):
            saved(store, measured(f"run-{minute}", started_at=at(minute)))
        history = store.endpoint_history("multiplayer", "local", "get_game_data", 2)
        assert [point.run_id for point in history] == ["run-1", "run-2"]
        assert (history[0].p95_ms, history[0].p95_objective_ms, history[0].requests) == (250.0, 500.0, 550)


class TestTheAutomaticBaseline:
    def test_grows_with_each_run_and_is_seen_by_later_ones_only(self, store: Store) -> None:
        sentences = [ran(store, f"run-{minute}", minute) for minute in range(3)]
        assert sentences[2] == "entered the baseline (3 of 10 runs)"
        assert members(store) == ["run-0", "run-1", "run-2"]
        seen = store.baseline(fingerprint(), POLICY, before=at(2), exclude_run="run-0")
        assert seen is not None
        assert (seen.mode, seen.run_ids, seen.revisions) == ("automatic", ["run-1"], ["rev-of-run-1"])
        assert [run.in_baseline for run in store.list_runs()] == [True] * 3

    def test_holds_the_newest_runs_and_is_none_below_its_minimum(self, store: Store) -> None:
        for minute in range(4):
            ran(store, f"run-{minute}", minute)
        assert members(store, policy=BaselinePolicy(keep=2)) == ["run-2", "run-3"]
        assert members(store, policy=BaselinePolicy(minimum=5)) == []

    def test_is_not_changed_by_a_decision_carried_out_again(self, store: Store) -> None:
        ran(store, "run-0", 0)
        assert ran(store, "run-0", 0) == "is in the baseline already (1 of 10 runs)"
        assert len(store.promotions()) == 1

    def test_begins_anew_with_an_improvement_that_was_confirmed(self, store: Store) -> None:
        faster = {"get_news": Verdict.IMPROVED}
        ran(store, "run-0", 0)
        assert ran(store, "run-1", 1, faster, asks="one run alone").startswith("waits")
        assert members(store) == ["run-0"]
        said = ran(store, "run-2", 4, faster, confirms="run-1")
        assert said.startswith("began the baseline anew: get_news improved, and 2 runs of this revision")
        assert members(store) == ["run-1", "run-2"]
        assert store.promotions()[0].action == "reset"
        assert ran(store, "run-2", 4, faster, confirms="run-1").startswith("is in the baseline already")

    def test_takes_the_runs_of_a_series_together(self, store: Store) -> None:
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, judged=undecided("get_news", 1.2, Direction.SLOWER), asks="get_news ...")
        ran(store, "run-2", 4, confirms="run-1", outcome=Outcome.INVALID)
        assert members(store) == ["run-0"]
        ran(store, "run-3", 7, confirms="run-1")
        assert members(store)[-1] == "run-3"

    def test_remembers_of_a_series_what_was_found_last_of_all_its_runs(self, store: Store) -> None:
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, judged=undecided("get_state", 1.2, Direction.SLOWER), asks="get_state ...")
        ran(store, "run-2", 4, judged=undecided("get_news", 1.2, Direction.SLOWER), confirms="run-1")
        (row,) = store.waiting(fingerprint(), before=at(9), exclude_series="")
        assert (row.run_ids, row.signs.slower) == (["run-1", "run-2"], ["get_news"])
        ran(store, "run-3", 9)
        assert members(store) == ["run-0", "run-1", "run-2", "run-3"]

    def test_is_not_moved_by_a_regression_that_a_noisy_run_half_hides(self, store: Store) -> None:
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, {"get_news": Verdict.REGRESSED}, outcome=Outcome.REGRESSED)
        ran(store, "run-2", 2, outcome=Outcome.INVALID)  # does not come between
        for minute in range(3, 15):
            said = ran(store, f"run-{minute}", minute, judged=undecided("get_news", 1.2))
            assert "get_news seemed slower in the run before" in said
        assert members(store) == ["run-0"]
        ran(store, "run-15", 15)
        assert members(store) == ["run-0", "run-15"]

    def test_takes_in_what_was_perhaps_slower_when_it_did_not_come_again(self, store: Store) -> None:
        ran(store, "run-0", 0)
        assert ran(store, "run-1", 1, judged=undecided("get_news", 1.2, Direction.SLOWER)).startswith("waits")
        assert ran(store, "run-2", 2).endswith("(get_news) did not come again (3 of 10 runs)")
        assert members(store) == ["run-0", "run-1", "run-2"]

    def test_is_never_moved_by_one_lucky_run(self, store: Store) -> None:
        faster = {"get_news": Verdict.IMPROVED}
        for minute, verdicts in enumerate([None, faster, None, faster, None]):
            ran(store, f"run-{minute}", minute, verdicts)
        assert members(store) == ["run-0", "run-2", "run-4"]

    def test_of_another_fingerprint_is_never_used_but_named(self, store: Store) -> None:
        ran(store, "smoke", 0, under=fingerprint(profile="smoke"))
        ran(store, "old", 1, under=fingerprint(script_hash="script-0"))
        ran(store, "newest", 2, under=fingerprint(profile="smoke", k6_major=2))
        assert members(store) == []
        other = store.nearest_other_fingerprint(fingerprint())
        assert other is not None
        assert fingerprint().differences(other) == ["script_hash: script-1 here, script-0 there"]
        assert store.nearest_other_fingerprint(fingerprint(target="staging")) is None


class TestDecisionsByHand:
    def test_keep_who_when_and_why(self, store: Store) -> None:
        saved(store, measured("run-1"))
        assert store.accept("run-1", **WHY) == "run run-1 is in the baseline."
        (found,) = store.baseline_members(**PLACE)
        assert (found.accepted_by, found.reason, found.accepted_at) == ("eva", WHY["reason"], at(500))
        (logged,) = store.promotions(suite="multiplayer")
        assert (logged.who, logged.action, logged.run_ids, logged.at) == ("eva", "accept", ["run-1"], at(500))

    def test_need_a_reason_and_a_name(self, store: Store) -> None:
        ran(store, "run-1", 0)
        for empty in ({"reason": "  "}, {"who": ""}):
            for decide in (
                lambda why: store.accept("run-1", **why),
                lambda why: store.pin(["run-1"], **why),
                lambda why: store.unpin(**PLACE, **why),
                lambda why: store.reset(**PLACE, **why),
            ):
                with pytest.raises(StoreError, match="of the decision is empty"):
                    decide(WHY | empty)
        assert members(store) == ["run-1"]

    @pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.LOST, Outcome.NOT_READY, None])
    def test_cannot_accept_a_run_that_measured_nothing(self, store: Store, outcome: Outcome | None) -> None:
        begun(store, "run-1")
        if outcome:
            store.set_outcome("run-1", outcome, "", at(1))
        with pytest.raises(StoreError, match=f"it is {outcome}" if outcome else "still running"):
            store.accept("run-1", **WHY)

    def test_cannot_accept_or_pin_an_invalid_run_or_one_that_is_not_there(self, store: Store) -> None:
        saved(store, measured("run-1", outcome=Outcome.INVALID))
        for decide in (lambda: store.accept("run-1", **WHY), lambda: store.pin(["run-1"], **WHY)):
            with pytest.raises(StoreError, match="it is invalid"):
                decide()
        with pytest.raises(StoreError, match="no run has the id run-9"):
            store.accept("run-9", **WHY)

    def test_make_a_regression_the_new_normal_and_earlier_runs_stop_counting(self, store: Store) -> None:
        slower = {"get_game_data": Verdict.REGRESSED}
        ran(store, "run-0", 0)
        assert "did not enter" in ran(store, "run-1", 1, slower, outcome=Outcome.REGRESSED)
        assert "begins anew with run run-1" in store.accept("run-1", **WHY)
        assert members(store) == ["run-1"]
        assert ran(store, "run-2", 2) == "entered the baseline (2 of 10 runs)"

        late = ran(store, "run-0", 0)  # its report is made again
        assert (
            late
            == f"did not enter the baseline: eva began it anew after this run had started ({WHY['reason']})"
        )
        history = store.baseline_members(**PLACE, history=True)
        assert [(one.run_id, one.removed_by) for one in history] == [
            ("run-0", "eva"),
            ("run-1", None),
            ("run-2", None),
        ]

    def test_may_say_themselves_whether_the_baseline_begins_anew(self, store: Store) -> None:
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, {"get_news": Verdict.IMPROVED})
        store.accept("run-1", **WHY, reset=False)
        assert members(store) == ["run-0", "run-1"]
        store.accept("run-0", **WHY, reset=True)
        assert members(store) == ["run-0"]

    def test_begin_the_baseline_anew_from_a_run_in_which_everything_changed(self, store: Store) -> None:
        ran(store, "run-0", 0)
        assert ran(store, "run-1", 1, judged=together(2.0, Direction.SLOWER)).startswith("waits")
        assert "begins anew" in store.accept("run-1", **WHY)
        assert members(store) == ["run-1"]

    def test_that_accept_a_level_end_the_waiting_for_it(self, store: Store) -> None:
        ran(store, "run-0", 0)
        for minute in (1, 2):
            ran(store, f"run-{minute}", minute, judged=undecided("get_news", 1.2, Direction.SLOWER))
        assert store.accept("run-1", **WHY) == "run run-1 is in the baseline."
        assert ran(store, "run-3", 3, judged=undecided("get_news", 1.2)).startswith("entered")
        assert members(store) == ["run-0", "run-1", "run-3"]

    def test_that_begin_anew_leave_waiting_runs_behind(self, store: Store) -> None:
        """They were slower than a baseline that is gone."""
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, judged=undecided("get_news", 1.2, Direction.SLOWER))
        store.accept("run-0", **WHY, reset=True)
        ran(store, "run-2", 2)
        assert members(store) == ["run-0", "run-2"]

    def test_accept_a_run_with_all_valid_runs_of_its_series(self, store: Store) -> None:
        slower = {"get_news": Verdict.REGRESSED}
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, judged=undecided("get_news", 1.2, Direction.SLOWER), asks="get_news ...")
        ran(store, "run-2", 4, outcome=Outcome.INVALID, confirms="run-1")
        ran(store, "run-3", 7, slower, outcome=Outcome.REGRESSED, confirms="run-1")
        assert store.accept("run-1", **WHY) == (
            "the baseline begins anew with the 2 runs of its series, run-1, run-3: "
            "earlier runs no longer count."
        )
        assert members(store) == ["run-1", "run-3"]

    def test_pin_a_set_that_overrides_the_automatic_one_until_unpinned(self, store: Store) -> None:
        for minute in range(3):
            ran(store, f"run-{minute}", minute)
        store.pin(["run-1", "run-0", "run-0"], **WHY)
        pinned = store.baseline(fingerprint(), BaselinePolicy(minimum=5), before=at(0), exclude_run="run-2")
        assert pinned is not None
        assert (pinned.mode, pinned.run_ids) == ("pinned", ["run-0", "run-1"])
        assert "a pinned baseline is in force" in ran(store, "run-3", 3)
        assert [(one.mode, one.in_use) for one in store.baselines(**PLACE)] == [
            ("pinned", True),
            ("automatic", False),
        ]
        assert store.unpin(**PLACE, **WHY) == 2
        assert members(store) == ["run-0", "run-1", "run-2", "run-3"]
        with pytest.raises(
            StoreError, match="there is no pinned baseline for multiplayer / local / standard"
        ):
            store.unpin(**PLACE, **WHY)

    def test_pin_only_runs_that_can_be_compared(self, store: Store) -> None:
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, under=fingerprint(profile="smoke"))
        with pytest.raises(StoreError, match="different fingerprints are never compared"):
            store.pin(["run-0", "run-1"], **WHY)

    def test_begin_anew_from_now_on(self, store: Store) -> None:
        ran(store, "run-0", 0)
        ran(store, "run-1", 1, under=fingerprint(script_hash="script-0"))
        store.pin(["run-0"], **WHY)
        assert store.reset(**PLACE, **(WHY | {"at": at(10)})) == 2
        assert [one.mode for one in store.baselines(**PLACE)] == ["pinned"]
        store.unpin(**PLACE, **WHY)
        assert (members(store), store.baselines(**PLACE)) == ([], [])
        assert "began it anew" in ran(store, "during", 9)  # was under way
        assert ran(store, "run-2", 11) == "entered the baseline (1 of 10 runs)"
        assert {one.action for one in store.promotions()} == {"automatic", "pin", "unpin", "reset"}

    def test_begin_anew_from_a_run_on_and_keep_those_after_it(self, store: Store) -> None:
        for minute in range(4):
            ran(store, f"run-{minute}", minute)
        assert store.reset(**PLACE, **WHY, first_run="run-2") == 2
        assert members(store) == ["run-2", "run-3"]
        (shown,) = store.baselines(**PLACE)
        assert (shown.reason, shown.promotions[0].run_ids) == (WHY["reason"], ["run-0", "run-1"])

    def test_cannot_begin_a_baseline_anew_that_is_not_there(self, store: Store) -> None:
        with pytest.raises(StoreError, match="there is no automatic baseline for multiplayer / local"):
            store.reset(**PLACE, **WHY)


class TestSeveralProcessesAtOnce:
    RUNS = 8

    def test_create_the_store_together_and_lose_or_double_nothing(self, url: str) -> None:
        names = ["one", "two", "three"]
        workers = [
            subprocess.Popen(
                [sys.executable, Path(__file__).parent / "store_worker.py", url, name, str(self.RUNS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for name in names
        ]
        try:
            for worker in workers:  # all have imported everything: now they start together
                assert worker.stdout is not None
                assert worker.stdout.readline() == "ready\n"
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            for worker in workers:
                _, problems = worker.communicate(timeout=60)
                assert worker.returncode == 0, problems
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()

        expected = {f"{name}-{number}" for name in [*names, "shared"] for number in range(self.RUNS)}
        with Store(url) as store:
            assert {run.run_id for run in store.list_runs(limit=1000)} == expected
            for endpoint in ENDPOINTS:
                history = store.endpoint_history("multiplayer", "local", endpoint, 1000)
                assert sorted(point.run_id for point in history) == sorted(expected)
            assert sorted(one.run_id for one in store.baseline_members()) == sorted(expected)
            logged = [run_id for one in store.promotions(limit=1000) for run_id in one.run_ids]
            assert sorted(logged) == sorted(expected)
            assert len(store.baselines(**PLACE)) == 1

    def test_wait_for_each_other_but_not_for_ever(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("perf_pipeline.store.database.LOCK_WAIT_S", 1)
        lock = f"SELECT pg_advisory_xact_lock({POSTGRES_LOCK})"
        with Store(url) as store:
            engine = create_engine(url)
            with engine.connect() as holder:
                holder.exec_driver_sql("BEGIN IMMEDIATE" if url.startswith("sqlite") else lock)
                assert store.list_runs() == []  # readers do not wait
                with pytest.raises(StoreError, match="was held by another process for over 1 s"):
                    begun(store, "run-1")
            engine.dispose()
            begun(store, "run-1")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """What a traceback would show: the error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
