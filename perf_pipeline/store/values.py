"""What the store hands out: immutable values, never rows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from perf_pipeline.core.deploys import MARKER
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import Deploy, Fingerprint, FollowUp, Outcome, SloStatus


class StoredRun(Frozen):
    """One run as the store knows it. ``outcome`` None: it is running."""

    run_id: str
    suite: str
    target: str
    profile: str
    revision: str | None
    base_url: str | None
    outcome: Outcome | None
    sentence: str
    launched_by: str
    note: str
    host: str
    owner_pid: int
    owner_started: float  # Unix seconds
    run_folder: str
    fingerprint_key: str | None  # None until measured
    started_at: datetime
    ended_at: datetime | None
    confirms: str | None = None  # the first run of its series; None: it is that one
    follow_up: FollowUp = FollowUp.NOBODY
    asks: str = ""  # why one more run of the series was asked for; empty: its outcome is final
    deploy: Deploy | None = None  # that started it
    waits: str = ""  # whom it waits for before it begins; empty: it has begun
    priority: int = 0  # of one that waits: the higher begins first
    measured: bool  # a RunRecord is stored
    in_baseline: bool  # counts in a baseline at this moment

    @property
    def series(self) -> str:
        """Id of the first run of its series, which may be itself."""
        return self.confirms or self.run_id


class EndpointPoint(Frozen):
    """One endpoint in one measured run: a point of its history."""

    run_id: str
    started_at: datetime
    profile: str
    revision: str | None
    fingerprint_key: str | None
    outcome: Outcome | None
    p50_ms: float | None
    p95_ms: float | None
    p95_objective_ms: float
    requests: int
    failed: int
    error_ratio: float | None
    achieved_per_s: float | None
    slo_status: SloStatus
    verdict: Verdict


class BaselineMember(Frozen):
    """One run in a baseline. ``removed_at`` None: it counts now."""

    mode: str
    fingerprint_key: str
    run_id: str
    revision: str | None
    outcome: Outcome | None
    started_at: datetime
    accepted_at: datetime
    accepted_by: str
    reason: str
    removed_at: datetime | None
    removed_by: str | None
    removed_reason: str | None


class Promotion(Frozen):
    """One decision about a baseline."""

    at: datetime
    who: str
    action: str  # automatic, accept, reset, pin, unpin
    fingerprint_key: str
    suite: str
    target: str
    profile: str
    run_ids: list[str]
    reason: str


class StoredBaseline(Frozen):
    """A baseline in force, with its runs (oldest first) and the decisions that made it (newest first)."""

    mode: str  # automatic, pinned
    in_use: bool  # False: an automatic baseline that a pinned one overrides
    fingerprint: Fingerprint
    fingerprint_key: str
    created_at: datetime
    created_by: str
    reason: str
    members: list[BaselineMember]
    promotions: list[Promotion]


class Notice(Frozen):
    """Something that a person should know of and that belongs to no run."""

    at: datetime
    kind: str
    suite: str | None
    target: str | None
    sentence: str


def scope_words(suite: str | None, target: str | None) -> str:
    """Such as ``multiplayer on staging``, ``every suite on staging`` or ``everything``."""
    if target is None:
        return suite or "everything"
    return f"{suite or 'every suite'} on {target}"


class Pause(Frozen):
    """Nothing is started of ``suite`` (None: of any suite) on ``target`` (None: on any target)."""

    suite: str | None
    target: str | None
    reason: str
    who: str
    at: datetime

    @property
    def of(self) -> str:
        return scope_words(self.suite, self.target)

    @property
    def resume_command(self) -> str:
        """What ends it."""
        scope = (f" {self.suite}" if self.suite else "") + (f" --target {self.target}" if self.target else "")
        return f"perf-pipeline resume{scope}"

    @property
    def sentence(self) -> str:
        return (
            f"{self.of} is paused since {self.at:%Y-%m-%d %H:%M} UTC by {self.who}: {self.reason}; "
            f"`{self.resume_command}` ends it"
        )


class DeployState(StrEnum):
    """What became of a deploy."""

    PENDING = "pending"  # waits for its run
    LAUNCHED = "launched"  # its run is queued or under way
    MEASURED = "measured"
    COALESCED = "coalesced"  # another one stands for it, or it went before it settled
    ABANDONED = "abandoned"  # its run ended without having measured, and none follows


class StoredDeploy(Frozen):
    """One deploy of a target."""

    suite: str
    target: str
    number: int  # from 1 on, per suite and target
    revision: str
    previous_revision: str | None
    source: str
    seen_at: datetime
    note: str
    state: DeployState
    sentence: str  # why it is in that state
    attempts: int  # runs that were started after it
    launcher: str | None = None  # id of the Dagster instance that started the last one and follows it
    run_id: str | None  # of the last attempt, once it is known
    decided_at: datetime  # since when it is in that state

    @property
    def settles_from(self) -> datetime:
        """Of a marker since it was told, which of a repeat is later than the deploy was seen."""
        return self.decided_at if self.source == MARKER else self.seen_at

    @property
    def as_deploy(self) -> Deploy:
        """As the run carries it that measures it."""
        return Deploy(
            number=self.number,
            revision=self.revision,
            previous_revision=self.previous_revision,
            source=self.source,
            seen_at=self.seen_at,
        )


class ArchivedRun(Frozen):
    """Where an ended run was archived. ``pruned_at`` not None: it was, and is no longer."""

    run_id: str
    place: str  # path of its folder inside the archive
    manifest_sha256: str
    bytes: int
    archived_at: datetime
    pruned_at: datetime | None
    pruned_reason: str | None
