"""What a history says: values between the search, the store, the command line and the reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from perf_pipeline.core.error_budget import ErrorBudget
from perf_pipeline.core.frozen import Frozen

ALL_ENDPOINTS = "all endpoints together"


class HistoryPoint(Frozen):
    """One run of one quantile, what all endpoints share removed."""

    run_id: str
    started_at: datetime
    revision: str | None
    ms: float


class ChangePoint(Frozen):
    """The level of an endpoint changed: from ``run_id`` on it is another one. 95 % interval of the ratio."""

    quantile: str
    run_id: str
    started_at: datetime
    revision: str | None
    previous_run_id: str
    previous_revision: str | None
    before_ms: float  # mean level since the change before it, or since the first run
    after_ms: float  # mean level until the next change, or until now
    ratio: float
    low: float
    high: float
    p: float  # chance of a change so clear anywhere in a history without one
    runs_before: int
    runs_after: int


class Drift(Frozen):
    """The newest runs against a reference. The 95 % interval includes how much identical runs differ."""

    quantile: str
    pinned: bool  # the reference is a pinned baseline; else the first runs
    reference_runs: int
    reference_until: datetime
    reference_revision: str | None
    recent_runs: int
    reference_ms: float
    recent_ms: float
    ratio: float
    low: float
    high: float
    stands: bool  # beyond doubt, all endpoints and quantiles considered, and worth telling
    dated: bool  # a change point lies between them


class EndpointHistory(Frozen):
    endpoint: str
    points: dict[str, list[HistoryPoint]]  # quantile -> runs with a figure, oldest first
    changes: list[ChangePoint]  # oldest first
    drifts: list[Drift]  # at most one per quantile


class SuiteHistory(Frozen):
    """All valid runs of a suite, target and profile under one fingerprint."""

    fingerprint_key: str
    runs: int
    since: datetime
    until: datetime
    endpoints: list[EndpointHistory]
    shared: EndpointHistory | None  # what all endpoints have in common; None: too few endpoints


class Spanned(Frozen):
    """The automatic baseline has runs on both sides of this change."""

    endpoint: str
    change: ChangePoint
    runs_before: int
    runs_after: int


class Past(Frozen):
    """What the store knows of a suite, target and profile."""

    suite: str
    target: str
    profile: str
    history: SuiteHistory | None  # None: no valid run yet
    other_runs: int  # valid ones under other fingerprints: histories of their own
    other_fingerprints: list[str]
    spanned: list[Spanned]
    budget: ErrorBudget

    def only(self, endpoints: Sequence[str] | None) -> Past:
        """The same with the history of these endpoints; None or empty: of all."""
        if not endpoints or self.history is None:
            return self
        shown = [one for one in self.history.endpoints if one.endpoint in endpoints]
        return self.model_copy(update={"history": self.history.model_copy(update={"endpoints": shown})})
