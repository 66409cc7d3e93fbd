"""What the status page is made of: the view, and everything that was read for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from perf_pipeline.core.frozen import Frozen
from perf_pipeline.store.values import ArchivedRun, Notice, Pause, StoredDeploy, StoredRun
from perf_pipeline.suite import Suite


class DaemonView(Frozen):
    """Dagster's daemon, which starts everything that starts by itself."""

    last_sign: datetime | None  # None: it has never run
    alive: bool
    switched: dict[str, bool]  # schedule or sensor -> what somebody made of it in Dagster's UI
    # Schedule or sensor -> how often it failed in the period, where it did within a day or the last time
    failed_ticks: dict[str, int]
    last_failure: str  # what the newest of them said, in one line


class HomeView(Frozen):
    """The folder that everything is written to."""

    folder: str
    free_bytes: int
    parts: dict[str, int]  # name of a folder or file in it -> bytes


class ArchivesView(Frozen):
    """``missing``: runs that ended, and have none."""

    kept: int
    bytes: int
    oldest: datetime | None
    pruned: int
    missing: list[str]


class ScheduleView(Frozen):
    name: str
    profile: str
    on: bool
    switched: bool  # somebody did so in Dagster's UI, against the suite file
    next_due: datetime | None
    missed: datetime | None  # was due then, and no run of its profile has begun since


class TargetView(Frozen):
    """``outcomes``: how many runs of the period ended how; ``baseline``: profile -> runs that count."""

    suite: str
    target: str
    paused: str
    last_run: StoredRun | None
    open: list[StoredRun]  # ended so that a person should look, and nothing newer of the profile tells other
    outcomes: dict[str, int]
    baseline: dict[str, int]
    schedules: list[ScheduleView]
    deploys_waiting: int
    last_deploy: StoredDeploy | None


class Need(Frozen):
    """What needs a person, and what they can type."""

    sentence: str
    command: str


class StatusView(Frozen):
    at: datetime
    days: int
    targets: list[TargetView]
    unused: list[str]  # ``suite on target``: nothing ran there, and nothing will by itself
    no_result: list[StoredRun]  # of the period, newest first
    notices: list[Notice]
    daemon: DaemonView
    archives: ArchivesView
    home: HomeView
    needs: list[Need]


@dataclass(frozen=True)
class Found:
    """All that was read. Runs, notices: of the period, newest first; ``last``: the newest ever."""

    at: datetime
    days: int
    suites: Sequence[Suite]
    broken_suites: Sequence[str]  # sentences
    runs: Sequence[StoredRun]
    last: Mapping[tuple[str, str], StoredRun]  # suite, target
    # Suite, target -> of each profile and outcome the newest run
    ended: Mapping[tuple[str, str], Sequence[StoredRun]]
    baseline: Mapping[tuple[str, str], Mapping[str, int]]  # suite, target -> profile -> runs
    pauses: Sequence[Pause]
    deploys: Sequence[StoredDeploy]  # newest first
    notices: Sequence[Notice]
    archives: Mapping[str, ArchivedRun]
    unarchived: Sequence[StoredRun]
    daemon: DaemonView
    home: HomeView
    # suite, target, schedule -> what Dagster calls it
    schedule_names: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
