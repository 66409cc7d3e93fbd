"""``perf-pipeline calibrate`` against stores that were filled once; only the interrupt loads anything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cli_parts
import pytest
from cli_parts import Project, under
from store_parts import ran

from perf_pipeline import conventions as names

MORE = 4


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two runs that pass for identical, one that regressed."""
    made = cli_parts.make_project(tmp_path_factory.mktemp("few"))
    cli_parts.fill_store(made)
    return made


@pytest.fixture(scope="module")
def enough(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = cli_parts.make_project(tmp_path_factory.mktemp("enough"))
    cli_parts.fill_store(made)
    with made.store() as store:
        for number in range(MORE):
            ran(store, f"more-{number}", 60 + number, under=under())
            folder = made.home / "runs" / f"more-{number}"
            folder.mkdir()
            other = made.home / "runs" / ("base-1" if number % 2 else "base-2")
            shutil.copy(other / names.SAMPLES, folder)
        ran(store, "gone", 70, under=under())
    return made


class TestAHistoryThatIsTooShort:
    def test_is_said_in_one_sentence_with_the_next_command(self, few: Project) -> None:
        answer = few.call("calibrate", "--profile", "standard")
        assert answer.code == 0
        assert "2 runs can be replayed, and 4 are the fewest that tell anything" in answer.out
        assert "left out  1 run in which something regressed" in answer.out
        assert "calibrate tiny --target local --profile standard --runs 10`" in answer.out

    def test_may_be_empty(self, few: Project, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'new.sqlite'}"
        answer = few.call("calibrate", PERF_PIPELINE_STORE_URL=url)
        assert answer.code == 0
        assert "0 runs can be replayed" in answer.out


class TestAHistory:
    def test_is_replayed_and_the_report_is_written(self, enough: Project) -> None:
        answer = enough.call("calibrate", "--profile", "standard", "--json")
        assert answer.code == 0
        found = answer.document
        assert (found["runs"], found["replayed"]) == (2 + MORE, 150)
        assert found["left_out"] == [
            "1 run in which something regressed",
            "1 run whose raw samples are gone",
        ]
        assert found["power"]["+50 %"]["ratio"] > found["power"]["+5 %"]["ratio"]
        assert [one["endpoint"] for one in found["endpoints"]][:1] == ["get_game_data"]
        report = Path(found["file"])
        assert report == enough.home / "calibration-tiny-local-standard.md"
        assert "| false alarms per verdict |" in report.read_text()
        json.dumps(found, allow_nan=False)


class TestWhatIsRefused:
    def test_an_unknown_profile_starts_nothing(self, few: Project) -> None:
        answer = few.call("calibrate", "--profile", "nowhere", "--runs", "3")
        assert answer.code == 2
        assert "nowhere" in answer.line

    def test_a_target_that_is_not_there_ends_it_at_the_first_run(self, few: Project) -> None:
        answer = few.call("calibrate", "--target", "own", "--profile", "tiny", "--runs", "3", "--quiet")
        assert answer.code == 6
        assert "calibrate: stopped at run 1 of 3: " in answer.err
        assert "takes those that are done" in answer.err
