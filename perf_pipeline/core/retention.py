"""Which archived runs are kept no longer: too old, or too many newer ones of the same target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from perf_pipeline.core.wording import count
from perf_pipeline.suite import ArchivePolicy

DAY_S = 86_400.0


@dataclass(frozen=True)
class Candidate:
    """One archived run, as far as its keeping depends on it."""

    run_id: str
    suite: str
    target: str
    started_at: datetime


@dataclass(frozen=True)
class Expired:
    """A run to be pruned, and why in one phrase."""

    run_id: str
    why: str


def expired(
    runs: Iterable[Candidate],
    policies: Mapping[str, ArchivePolicy],
    *,
    protected: Collection[str],
    now: datetime,
) -> list[Expired]:
    """The runs that no policy keeps, oldest first.

    ``policies``: by suite; runs of a suite without one are kept. ``protected`` runs (those in a baseline, and
    the runs that were judged with them) are kept however old, and count among the newest of their target.
    """
    by_target: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for run in runs:
        by_target[run.suite, run.target].append(run)
    found: list[tuple[datetime, Expired]] = []
    for (suite, _), of_target in by_target.items():
        policy = policies.get(suite)
        if policy is None:
            continue
        newest_first = sorted(of_target, key=lambda run: (run.started_at, run.run_id), reverse=True)
        for run, why in zip(newest_first, _reasons(newest_first, policy, now), strict=True):
            if why and run.run_id not in protected:
                found.append((run.started_at, Expired(run.run_id, why)))
    return [one for _, one in sorted(found, key=lambda each: (each[0], each[1].run_id))]


def _reasons(newest_first: Sequence[Candidate], policy: ArchivePolicy, now: datetime) -> list[str]:
    """For each run why it is kept no longer; empty: it is."""
    oldest = now - timedelta(seconds=policy.keep_s)
    reasons = []
    for rank, run in enumerate(newest_first):
        if run.started_at < oldest:
            reasons.append(f"older than {count(round(policy.keep_s / DAY_S), 'day')}")
        elif rank >= policy.runs:
            reasons.append(f"not among the newest {count(policy.runs, 'run')} of its target")
        else:
            reasons.append("")
    return reasons
