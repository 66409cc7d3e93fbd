"""How often the monitor cried, and how often rightly."""

from __future__ import annotations

from dataclasses import dataclass

from builders import STARTED

from perf_pipeline.core.error_budget import ErrorBudget, error_budget
from perf_pipeline.core.model import Outcome

PASSED, REGRESSED, INVALID = Outcome.PASSED, Outcome.REGRESSED, Outcome.INVALID


@dataclass(frozen=True)
class Run:
    run_id: str
    series: str
    outcome: Outcome | None
    fingerprint_key: str | None = "one"


def budget(*series: list[Outcome], accepted: tuple[str, ...] = ()) -> ErrorBudget:
    """One list of outcomes for each series, whose runs are called ``0.0``, ``0.1``, ..."""
    runs = [
        Run(run_id=f"{number}.{place}", series=f"{number}.0", outcome=outcome)
        for number, outcomes in enumerate(series)
        for place, outcome in enumerate(outcomes)
    ]
    return error_budget(runs, accepted, STARTED)


class TestAnAlarm:
    def test_is_confirmed_when_its_series_ends_regressed(self) -> None:
        found = budget([REGRESSED, REGRESSED], [PASSED])
        assert (found.alarms, found.regressed, found.seen_again, found.confirmed_ratio) == (1, 2, 1, 1.0)

    def test_is_not_when_its_series_ends_otherwise(self) -> None:
        found = budget([REGRESSED, PASSED], [REGRESSED, PASSED])
        assert (found.alarms, found.not_seen_again, found.confirmed_ratio) == (2, 2, 0.0)

    def test_of_a_single_run_is_confirmed_by_the_next_series(self) -> None:
        found = budget([REGRESSED], [REGRESSED], [PASSED])
        assert (found.alarms, found.seen_again, found.not_seen_again) == (2, 1, 1)

    def test_is_confirmed_by_nothing_under_another_fingerprint(self) -> None:
        other = Run("x", "x", REGRESSED, fingerprint_key="two")
        found = error_budget([Run("a", "a", REGRESSED), other], (), STARTED)
        assert (found.alarms, found.undecided, found.confirmed_ratio) == (2, 2, None)

    def test_that_a_person_accepted_is_confirmed(self) -> None:
        found = budget([REGRESSED], [PASSED], accepted=("0.0",))
        assert (found.accepted, found.seen_again, found.confirmed_ratio) == (1, 0, 1.0)

    def test_that_only_the_confirming_run_raised_stays_open_until_the_next_series(self) -> None:
        assert budget([PASSED, REGRESSED]).undecided == 1
        assert budget([PASSED, REGRESSED], [REGRESSED]).seen_again == 1


class TestTheBudget:
    def test_counts_valid_runs_only(self) -> None:
        found = budget([PASSED], [INVALID], [Outcome.NOT_READY], [Outcome.SLO_BREACHED])
        assert (found.runs, found.alarms) == (2, 0)
        assert found.sentence == "since 2026-11-20: 2 valid runs, 0 alarms"

    def test_reads_as_a_sentence(self) -> None:
        found = budget([PASSED], [REGRESSED, REGRESSED], [REGRESSED, PASSED], [REGRESSED])
        assert found.sentence == (
            "since 2026-11-20: 6 valid runs, 3 alarms (0 accepted by a person, 1 seen again, "
            "1 not seen again, 1 with no run since); 50 % of those decided are confirmed"
        )
