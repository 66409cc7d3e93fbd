"""Which archived runs are kept, as a calendar shows it: ``k`` kept, ``x`` gone, ``B`` in a baseline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from perf_pipeline.core.retention import Candidate, expired
from perf_pipeline.suite import ArchivePolicy

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY_S = 86_400.0


def nightly(days: int, *, suite: str = "shop", target: str = "local") -> list[Candidate]:
    """One run a day, the newest today; its id is its age in days."""
    return [Candidate(f"{target}-{age:03}", suite, target, NOW - timedelta(days=age)) for age in range(days)]


def calendar(runs: list[Candidate], policy: ArchivePolicy, *, protected: tuple[str, ...] = ()) -> str:
    """Oldest first."""
    gone = {one.run_id for one in expired(runs, {"shop": policy}, protected=protected, now=NOW)}
    oldest_first = sorted(runs, key=lambda run: run.started_at)
    return "".join(
        "x" if run.run_id in gone else "B" if run.run_id in protected else "k" for run in oldest_first
    )


class TestRunsAreKept:
    def test_as_long_as_the_suite_says(self) -> None:
        assert calendar(nightly(8), ArchivePolicy(keep_s=5 * DAY_S)) == "xxkkkkkk"

    def test_as_many_as_the_suite_says(self) -> None:
        assert calendar(nightly(8), ArchivePolicy(runs=3)) == "xxxxxkkk"

    def test_by_the_stricter_of_both(self) -> None:
        assert calendar(nightly(8), ArchivePolicy(keep_s=5 * DAY_S, runs=3)) == "xxxxxkkk"
        assert calendar(nightly(8), ArchivePolicy(keep_s=2 * DAY_S, runs=7)) == "xxxxxkkk"

    def test_however_old_when_they_are_in_a_baseline(self) -> None:
        policy = ArchivePolicy(keep_s=2 * DAY_S, runs=2)
        assert calendar(nightly(8), policy, protected=("local-007", "local-005")) == "BxBxxxkk"

    def test_of_each_target_by_itself(self) -> None:
        runs = nightly(4) + nightly(4, target="staging")
        gone = expired(runs, {"shop": ArchivePolicy(runs=3)}, protected=(), now=NOW)
        assert [one.run_id for one in gone] == ["local-003", "staging-003"]

    def test_when_no_suite_file_speaks_of_them(self) -> None:
        assert expired(nightly(9, suite="old"), {"shop": ArchivePolicy(runs=1)}, protected=(), now=NOW) == []


class TestTheReason:
    def test_is_said_for_each(self) -> None:
        policy = ArchivePolicy(keep_s=5 * DAY_S, runs=4)
        found = expired(nightly(7), {"shop": policy}, protected=(), now=NOW)
        assert [(one.run_id, one.why) for one in found] == [
            ("local-006", "older than 5 days"),
            ("local-005", "not among the newest 4 runs of its target"),
            ("local-004", "not among the newest 4 runs of its target"),
        ]
