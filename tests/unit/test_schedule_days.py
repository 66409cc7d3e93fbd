"""A night on which the clock changes has one run, by Dagster's clock as by ours, which alerts follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from dagster._utils.schedules import cron_string_iterator

from perf_pipeline.defs.scheduling import note_of
from perf_pipeline.suite import Schedule

ZONE = "Europe/Berlin"
BERLIN = ZoneInfo(ZONE)
FORWARD = date(2027, 3, 28)  # from 02:00 to 03:00
BACK = date(2027, 10, 31)  # from 03:00 to 02:00

Clock = Callable[[str, datetime], Iterator[datetime]]


def dagsters(cron: str, start: datetime) -> Iterator[datetime]:
    return cron_string_iterator(start.timestamp(), cron, ZONE)


def ours(cron: str, start: datetime) -> Iterator[datetime]:
    return iter(CronSim(cron, start))


def days_around(change: date, cron: str, clock: Clock) -> Counter[date]:
    """Local day -> how often a run is due on it, from three days before the change to three after."""
    start = datetime.combine(change, datetime.min.time(), BERLIN) - timedelta(days=3, minutes=1)
    end = start + timedelta(days=7)
    due = takewhile(lambda tick: tick.astimezone(UTC) < end.astimezone(UTC), clock(cron, start))
    return Counter(tick.astimezone(BERLIN).date() for tick in due)


@pytest.mark.parametrize("clock", [dagsters, ours])
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 4 * * *"], ids=["in the hour that changes", "after it"])
@pytest.mark.parametrize("change", [FORWARD, BACK], ids=["forward", "back"])
def test_every_day_around_a_change_of_the_clock_has_exactly_one_run(
    change: date, cron: str, clock: Clock
) -> None:
    days = [change + timedelta(days=day) for day in range(-3, 4)]
    assert days_around(change, cron, clock) == dict.fromkeys(days, 1)


class TestTheNoteOfARun:
    NIGHTLY = Schedule(name="nightly", cron="0 4 * * *", timezone=ZONE, profile="standard")
    DUE = datetime(2026, 11, 25, 4, 0, tzinfo=BERLIN)

    def test_is_the_schedules_name(self) -> None:
        on_time = self.DUE + timedelta(seconds=50)
        assert note_of(self.NIGHTLY, due=self.DUE, now=on_time.astimezone(UTC)) == "nightly"

    def test_says_that_it_catches_up_a_missed_one(self) -> None:
        late = self.DUE + timedelta(hours=5, minutes=12)
        assert note_of(self.NIGHTLY, due=self.DUE, now=late.astimezone(UTC)) == (
            "nightly: catches up, due 2026-11-25 04:00, started 09:12 (Europe/Berlin)"
        )

    def test_names_the_day_where_it_is_another_one(self) -> None:
        days_later = self.DUE + timedelta(days=2)
        assert note_of(self.NIGHTLY, due=self.DUE, now=days_later).endswith(
            "started 2026-11-27 04:00 (Europe/Berlin)"
        )
