"""When a benchmark is due: pure questions about a schedule's ticks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim

from perf_pipeline.suite import Schedule

# A fixed stretch, so that the answer, and with it every generated file, is the same on every day. Two years
# hold every change of the clock, and with 2028 a 29 February.
_FROM = datetime(2027, 1, 1, tzinfo=UTC)
_UNTIL = datetime(2029, 1, 1, tzinfo=UTC)


def longest_gap_s(schedule: Schedule) -> float:
    """The longest time between two ticks, in real seconds: a night on which clocks go back is longer."""
    ticks = _ticks(schedule)
    longest = timedelta(0)
    for tick, following in pairwise(ticks):
        if longest and tick >= _UNTIL:
            break
        longest = max(longest, following - tick)
    return longest.total_seconds()


def shortest_gap_s(schedule: Schedule, *, ticks: int = 1000) -> float:
    """The shortest time between two of the first ``ticks`` ticks, in seconds."""
    return min(
        (following - tick).total_seconds() for tick, following in pairwise(islice(_ticks(schedule), ticks))
    )


def _ticks(schedule: Schedule) -> Iterator[datetime]:
    # In UTC: the difference of two times of one zone is that of their clocks, which ignores a change of it.
    local = CronSim(schedule.cron, _FROM.astimezone(ZoneInfo(schedule.timezone)))
    return (tick.astimezone(UTC) for tick in local)


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """The first tick later than ``after``, in UTC."""
    return next(CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.timezone)))).astimezone(UTC)


def last_due(schedule: Schedule, before: datetime) -> datetime:
    """The last tick earlier than ``before``, in UTC."""
    local = CronSim(schedule.cron, before.astimezone(ZoneInfo(schedule.timezone)), reverse=True)
    return next(local).astimezone(UTC)
