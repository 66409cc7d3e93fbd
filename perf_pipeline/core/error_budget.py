"""The monitor's own error budget: how often it cried, and how often rightly. Pure.

An alarm is a series (a run and those that confirm it) in which a run regressed. It is confirmed when a person
accepted it with a reason, or when it was seen again: by the last run of its series, which is judged together
with the others, or by the next series under the same fingerprint. Otherwise it was not seen again, and where
nothing has been run since, that is open.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.model import VALID, Outcome
from perf_pipeline.core.wording import count, percent

QUARTER_DAYS = 91


class Ran(Protocol):
    """A run as the store knows it."""

    @property
    def run_id(self) -> str: ...
    @property
    def series(self) -> str: ...
    @property
    def fingerprint_key(self) -> str | None: ...
    @property
    def outcome(self) -> Outcome | None: ...


class ErrorBudget(Frozen):
    """Of the valid runs of a suite, target and profile since a moment."""

    since: datetime
    runs: int
    regressed: int  # runs whose verdict was `regressed`
    alarms: int  # series with such a run
    accepted: int  # alarms that a person accepted, with a reason
    seen_again: int
    not_seen_again: int
    undecided: int  # nothing has been run since

    @property
    def confirmed_ratio(self) -> float | None:
        """Share of the decided alarms that were confirmed; None: there is none."""
        decided = self.alarms - self.undecided
        return (self.accepted + self.seen_again) / decided if decided else None

    @property
    def sentence(self) -> str:
        """Without a full stop."""
        since = f"since {self.since:%Y-%m-%d}: {count(self.runs, 'valid run')}, {count(self.alarms, 'alarm')}"
        if not self.alarms:
            return since
        parts = [
            f"{self.accepted} accepted by a person",
            f"{self.seen_again} seen again",
            f"{self.not_seen_again} not seen again",
            *([f"{self.undecided} with no run since"] if self.undecided else []),
        ]
        ratio = self.confirmed_ratio
        share = "" if ratio is None else f"; {percent(ratio)} of those decided are confirmed"
        return f"{since} ({', '.join(parts)}){share}"


def error_budget(runs: Sequence[Ran], accepted: Collection[str], since: datetime) -> ErrorBudget:
    """``runs``: those since ``since``, oldest first. ``accepted``: ids of runs that a person accepted."""
    valid = [run for run in runs if run.outcome in VALID]
    series: dict[str, list[Ran]] = {}
    for run in valid:
        series.setdefault(run.series, []).append(run)
    found = list(series.values())
    ways = [_what_became(found, number, accepted) for number in range(len(found)) if _alarm(found[number])]
    return ErrorBudget(
        since=since,
        runs=len(valid),
        regressed=sum(run.outcome is Outcome.REGRESSED for run in valid),
        alarms=len(ways),
        accepted=ways.count("accepted"),
        seen_again=ways.count("seen_again"),
        not_seen_again=ways.count("not_seen_again"),
        undecided=ways.count("undecided"),
    )


def _alarm(series: Sequence[Ran]) -> bool:
    return any(run.outcome is Outcome.REGRESSED for run in series)


def _what_became(found: Sequence[Sequence[Ran]], number: int, accepted: Collection[str]) -> str:
    series = found[number]
    if any(run.run_id in accepted for run in series):
        return "accepted"
    if len(series) > 1 and series[0].outcome is Outcome.REGRESSED:
        return "seen_again" if series[-1].outcome is Outcome.REGRESSED else "not_seen_again"
    later = [one for one in found[number + 1 :] if one[0].fingerprint_key == series[0].fingerprint_key]
    if not later:
        return "undecided"
    return "seen_again" if _alarm(later[0]) else "not_seen_again"
