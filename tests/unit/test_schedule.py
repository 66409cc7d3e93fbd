"""The longest wait between two scheduled runs: what an alert on a missing one must allow."""

from __future__ import annotations

import pytest

from perf_pipeline.core.schedule import longest_gap_s, shortest_gap_s
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
