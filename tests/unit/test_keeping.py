"""What a run keeps of its suite and its tools, and how it says what it could not keep."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from perf_pipeline import conventions as names
from perf_pipeline import keeping
from perf_pipeline.defs.event_log import bounded
from perf_pipeline.keeping import Missing, NotKept, keep_suite, keep_versions, read_missing
from perf_pipeline.load.script import script_hash
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

K6 = Path(__file__).resolve().parents[2] / "k6"


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """The multiplayer suite in a project of its own, where a test may change it."""
    return load_suite(shutil.copytree(K6, tmp_path / "project" / "k6") / "multiplayer")


class TestTheCopyOfTheSuite:
    def test_is_a_project_with_the_same_suite_and_script(self, suite: Suite, tmp_path: Path) -> None:
        copy = load_suite(keep_suite(suite, tmp_path / "run") / "k6" / "multiplayer")
        assert copy.model_copy(update={"folder": suite.folder}) == suite
        assert script_hash(copy) == script_hash(suite)
        for name in (names.SUITE_FILE, names.SUITE_JSON):
            assert (copy.folder / name).read_bytes() == (suite.folder / name).read_bytes()

    def test_is_of_the_load_that_is_about_to_begin(self, suite: Suite, tmp_path: Path) -> None:
        keep_suite(suite, tmp_path / "run")
        (suite.folder / "data.js").unlink()
        (suite.folder / "cards.csv").write_text("a,b\n")
        copy = keep_suite(suite, tmp_path / "run") / "k6" / "multiplayer"
        assert (copy / "cards.csv").read_text() == "a,b\n"
        assert not (copy / "data.js").exists()
        assert [one.name for one in (tmp_path / "run").iterdir()] == [names.SUITE_COPY]

    def test_leaves_fixtures_out_that_would_fill_every_runs_folder(
        self, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keeping, "MOST_BYTES", 1024 * 1024)
        (suite.folder / "world.bin").write_bytes(bytes(2 * 1024 * 1024))
        with pytest.raises(NotKept, match="it has 2 MB, more than the 1 MB that are kept"):
            keep_suite(suite, tmp_path / "run")
        assert not (tmp_path / "run").exists()


class TestTheVersions:
    def test_name_every_tool_of_the_run(self, tmp_path: Path) -> None:
        said = json.loads(keep_versions(tmp_path, k6="1.1.0", prometheus="2.42.0").read_text())
        assert (said["k6"], said["prometheus"], said["dagster"]) == ("1.1.0", "2.42.0", "1.13.27")
        assert {"perf_pipeline", "python", "operating_system"} <= said.keys()


class TestWhatIsMissing:
    def test_is_nothing_when_all_could_be_kept(self, tmp_path: Path) -> None:
        with Missing(tmp_path, print).noted("tsdb"):
            pass
        assert json.loads((tmp_path / names.MISSING).read_text()) == []

    def test_is_named_with_its_reason_in_the_folder_and_in_the_log(self, tmp_path: Path) -> None:
        said: list[str] = []
        missing = Missing(tmp_path, said.append)
        with missing.noted("tsdb"):
            raise NotKept("the Prometheus at http://p:9090 is not the run's own")
        with missing.noted("dashboards"):
            raise ZeroDivisionError("by zero")
        assert read_missing(tmp_path) == {
            "tsdb": "the Prometheus at http://p:9090 is not the run's own",
            "dashboards": "it could not be kept (ZeroDivisionError: by zero)",
        }
        assert said[0] == (
            "tsdb is missing from the run's folder: the Prometheus at http://p:9090 is not the run's own"
        )

    def test_is_no_longer_once_it_could_be_kept_after_all(self, tmp_path: Path) -> None:
        missing = Missing(tmp_path, print)
        with missing.noted("tsdb"):
            raise NotKept("Prometheus had gone")
        with missing.noted("tsdb"):
            pass
        assert read_missing(tmp_path) == {}

    def test_goes_to_the_log_alone_where_the_folder_takes_nothing(self, tmp_path: Path) -> None:
        said: list[str] = []
        (tmp_path / "file").write_text("")
        with Missing(tmp_path / "file", said.append).noted("tsdb"):
            raise NotKept("Prometheus had gone")
        assert said[0].endswith("Prometheus had gone")
        assert said[1].startswith("missing.json could not be written: ")

    def test_a_cancellation_is_not_taken_for_a_reason(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), Missing(tmp_path, print).noted("tsdb"):
            raise KeyboardInterrupt


class TestALongEventLog:
    LINES = tuple(f'{{"message": "{number:06}"}}' for number in range(1000))

    def test_is_whole_while_it_fits(self) -> None:
        assert bounded(self.LINES) == list(self.LINES)

    def test_keeps_its_beginning_and_its_end_and_says_what_is_left_out(self) -> None:
        kept = bounded(self.LINES, most_bytes=3000)
        (gap,) = [number for number, line in enumerate(kept) if "LEFT_OUT" in line]
        assert kept[:gap] == list(self.LINES[:gap])
        assert kept[gap + 1 :] == list(self.LINES[-(len(kept) - gap - 1) :])
        assert json.loads(kept[gap])["message"] == f"{1000 - len(kept) + 1} lines are left out"
        assert 2500 < sum(len(line) + 1 for line in kept) < 3200
