"""The longest wait between two scheduled runs: what an alert on a missing one must allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perf_pipeline.core.schedule import last_due, longest_gap_s, next_due, shortest_gap_s
from perf_pipeline.suite import Schedule

HOUR = 3600
DAY = 24 * HOUR


def every(cron: str, timezone: str = "UTC") -> Schedule:
    return Schedule(name="nightly", cron=cron, timezone=timezone, profile="standard")


@pytest.mark.parametrize(
    ("cron", "longest_s"),
    [
        ("0 4 * * *", DAY),
        ("0 */6 * * *", 6 * HOUR),
        ("0 4 * * mon-fri", 3 * DAY),
        ("0 4,5 * * 1", 7 * DAY - HOUR),
        ("0 4 1 * *", 31 * DAY),
        ("0 4 29 2 *", 4 * 366 * DAY - 3 * DAY),
    ],
)
def test_the_longest_gap_is_that_between_two_ticks(cron: str, longest_s: float) -> None:
    assert longest_gap_s(every(cron)) == longest_s


def test_the_night_on_which_the_clock_goes_back_is_an_hour_longer() -> None:
    nightly = every("0 4 * * *", "Europe/Berlin")
    assert (longest_gap_s(nightly), shortest_gap_s(nightly)) == (25 * HOUR, 23 * HOUR)


def test_a_zone_that_never_changes_its_clock_has_days_of_24_hours() -> None:
    assert longest_gap_s(every("0 4 * * *", "Asia/Taipei")) == DAY


class TestWhenARunIsDue:
    def test_is_the_next_tick_in_the_zone_of_the_schedule(self) -> None:
        noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
        nightly = every("0 2 * * *", "Asia/Taipei")
        assert next_due(nightly, noon) == datetime(2026, 11, 25, 18, tzinfo=UTC)
        assert last_due(nightly, noon) == datetime(2026, 11, 24, 18, tzinfo=UTC)

    def test_on_the_very_tick_is_the_one_after_it_and_the_one_before_it(self) -> None:
        tick = datetime(2026, 11, 25, 2, tzinfo=UTC)
        assert next_due(every("0 2 * * *"), tick) == tick + timedelta(days=1)
        assert last_due(every("0 2 * * *"), tick) == tick - timedelta(days=1)
