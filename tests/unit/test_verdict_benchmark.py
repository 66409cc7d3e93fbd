"""The project's own evaluation of its judge: the simulated worlds, and the files of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import samples

from benchmarks.verdict.recorded import case_trials
from benchmarks.verdict.recording import SAME, Recorded, planned, read, write
from benchmarks.verdict.simulated import CASES, trials
from benchmarks.verdict.tables import put_into
from benchmarks.verdict.worlds import WORLDS
from perf_pipeline.conventions import CONTROL


class TestTheSimulator:
    @pytest.mark.parametrize("world", WORLDS)
    def test_makes_sane_runs_in_each_world(self, world: str) -> None:
        (trial,) = trials(WORLDS[world], "one +50 %", 1, seed=1, baseline_runs=2, leave_out=1)
        run = trial.candidate(0)
        assert run is not None
        assert (CONTROL in run) == (WORLDS[world].control is not None)
        assert set(run) - {CONTROL} < set(WORLDS[world].services)
        assert len(trial.changed) == 1
        for one in run.values():
            assert np.isfinite(one.duration_ms).all()
            assert (one.duration_ms > 0).all()
            assert (np.diff(one.t_ms) >= 0).all()

    def test_slows_what_the_case_says(self) -> None:
        (trial,) = trials(WORLDS["quiet"], "one +50 %", 1, seed=1, baseline_runs=4, leave_out=0)
        (slowed,) = trial.changed
        run = trial.candidate(0) or {}
        for name, one in run.items():
            usual = np.median([np.median(other[name].duration_ms) for other in trial.baseline])
            expected = 1.5 if name == slowed else 1.0
            assert np.median(one.duration_ms) / usual == pytest.approx(expected, rel=0.12)

    def test_makes_the_same_runs_again(self) -> None:
        first, again = (
            next(trials(WORLDS["stormy"], "same", 1, seed=3, baseline_runs=1, leave_out=0)) for _ in range(2)
        )
        assert (first.baseline[0]["ping"].duration_ms == again.baseline[0]["ping"].duration_ms).all()

    def test_knows_a_change_of_everything(self) -> None:
        assert CASES["all +20 %"](["a", "b"], np.random.default_rng(1)).injections[1].endpoint == "b"
        (trial,) = trials(WORLDS["quiet"], "all +20 %", 1, seed=1, baseline_runs=1, leave_out=0)
        assert trial.everything


class TestARecording:
    def test_is_planned_in_an_order_that_a_seed_decides(self) -> None:
        plan = planned(4, same=3, each=2, spoilt=1)
        assert plan == planned(4, same=3, each=2, spoilt=1)
        assert [run.id for run in plan[:2]] == ["r01", "r02"]
        assert sorted({run.label for run in plan if not run.meant_valid}) == [
            "cpu_eaten",
            "failing",
            "stalled",
        ]
        assert len(plan) == 3 + 2 * 5 + 3

    def test_comes_back_from_its_files_as_it_was(self, tmp_path: Path) -> None:
        run = Recorded("r01", "join_150", faults="slow=join_room:50%", reasons=("why",), cpu=0.5)
        write(tmp_path, [(run, samples(n=20))], {"seed": 1})
        ((back, there),) = read(tmp_path)
        assert (back.id, back.label, back.faults, back.cpu) == ("r01", "join_150", run.faults, 0.5)
        assert there["get_news"].duration_ms == pytest.approx(samples(n=20)["get_news"].duration_ms, abs=5e-4)

    def test_is_replayed_against_other_identical_runs(self) -> None:
        entries = [Recorded(f"r{number}", SAME) for number in range(5)]
        slow = {"endpoint": "get_news", "kind": "scale", "factor": 1.2}
        entries.append(Recorded("slow", "news_120", injected=slow))
        runs = {entry.id: samples(seed=number, n=10) for number, entry in enumerate(entries)}
        drawn = list(case_trials(entries, runs, "news_120", number=3, baseline_runs=4, seed=1))
        assert [trial.candidate(0) is runs["slow"] for trial in drawn] == [True] * 3
        assert drawn[0].slower == {"get_news": 1.2}
        assert all(runs["slow"] is not run for trial in drawn for run in trial.baseline)
        assert drawn[0].candidate(1) is None


class TestThePageOfResults:
    def test_takes_a_new_table_in_place_of_the_old_one(self, tmp_path: Path) -> None:
        page = tmp_path / "RESULTS.md"
        page.write_text("# Results\n")
        put_into(page, "simulated", "| 1 |\n")
        put_into(page, "recorded", "| 2 |\n")
        put_into(page, "simulated", "| 3 |\n")
        text = page.read_text()
        assert "| 1 |" not in text
        assert text.index("# Results") < text.index("| 3 |") < text.index("| 2 |")
