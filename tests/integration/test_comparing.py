"""What a run is compared with, asked of a real store; raw samples are kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import load_result, samples, slo_report, suite
from store_parts import at, begun, ran

from perf_pipeline.core.judgement import Comparison
from perf_pipeline.defs.comparing import compare_with_baseline
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import BaselinePolicy

RUN = "run-9"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as opened:
        yield opened


def compared(store: Store, *, minimum: int = 1, gone: Sequence[str] = ()) -> Comparison:
    """A good run, against those in the store; ``gone``: runs whose samples were removed."""

    def read(folder: Path) -> Any:
        if folder.name in gone:
            raise FileNotFoundError(folder)
        return samples(seed=int(folder.name[-1]))

    begun(store, RUN, 9)
    return compare_with_baseline(
        suite=suite(baseline=BaselinePolicy(minimum=minimum)),
        load=load_result(run_id=RUN, started_at=at(9)),
        slo=slo_report(run_id=RUN),
        store=store,
        run_folder=Path,
        read_samples=read,
    )


class TestBaselineRunsWhoseSamplesAreGone:
    def test_are_left_out_and_not_counted(self, store: Store) -> None:
        for minute in range(3):
            ran(store, f"run-{minute}", minute)
        comparison = compared(store, gone=["run-1"])
        assert comparison.compared
        assert comparison.baseline is not None
        assert comparison.baseline.compared_run_ids == ["run-0", "run-2"]
        assert comparison.baseline.compared_revisions == ["rev-of-run-0", "rev-of-run-2"]

    def test_leave_no_baseline_when_fewer_than_its_minimum_remain(self, store: Store) -> None:
        for minute in range(3):
            ran(store, f"run-{minute}", minute)
        assert compared(store, minimum=3).compared
        comparison = compared(store, minimum=3, gone=["run-1"])
        assert not comparison.compared
        assert comparison.why_not == "the samples of 1 of 3 baseline runs are gone: fewer than 3 are left"
        assert {one.verdict for one in comparison.judgement.endpoints.values()} == {"no_baseline"}

    def test_that_were_pinned_are_enough_as_long_as_one_remains(self, store: Store) -> None:
        for minute in range(3):
            ran(store, f"run-{minute}", minute)
        store.pin(["run-0", "run-1"], who="eva", reason="the release", at=at(5))
        assert compared(store, minimum=3, gone=["run-1"]).compared
        comparison = compared(store, gone=["run-0", "run-1"])
        assert comparison.why_not == "the samples of all 2 baseline runs are gone"
