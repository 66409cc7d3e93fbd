"""What a comparison with a baseline says of a run: verdicts, effects, and what they rest on.

Effects are ratios of latencies, candidate to baseline; ``_ms`` and ``_ratio`` mean what they mean in
:mod:`perf_pipeline.core.model`.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from perf_pipeline.core.frozen import Frozen


class Verdict(StrEnum):
    """What a comparison says of one endpoint."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    NO_BASELINE = "no_baseline"


class Direction(StrEnum):
    """Where something seems to go that is not beyond doubt."""

    SLOWER = "slower"
    FASTER = "faster"


class Effect(Frozen):
    """Candidate against baseline for one quantile, what all endpoints share removed; 95 % interval."""

    ratio: float
    low: float
    high: float
    baseline_ms: float
    candidate_ms: float
    difference_ms: float
    noise_ratio: float  # how much identical runs differ here: the standard deviation of log latency
    detectable_ratio: float  # the smallest relative change that this comparison could have seen
    detectable_next_ratio: float | None = None  # with one more baseline run


class EndpointVerdict(Frozen):
    endpoint: str
    verdict: Verdict
    sentence: str
    advice: str = ""  # of an inconclusive one: why it is, and what would settle it
    leaning: Direction | None = None  # of an inconclusive one: likely, though not beyond doubt
    p50: Effect | None = None
    p95: Effect | None = None


class CommonEffect(Frozen):
    """What all endpoints have in common in this run: the machine, or a change that slows everything."""

    p50_ratio: float
    p95_ratio: float
    sentence: str
    stands: Direction | None = None  # it is more than baseline runs differ by
    control_ratio: float | None = None  # p50 of the control: what the machine alone did
    verdict: Verdict | None = None  # of the service as a whole; None: cannot be told from the machine


class Judgement(Frozen):
    """What the judge returns: endpoint -> verdict, and what they share."""

    endpoints: dict[str, EndpointVerdict]
    common: CommonEffect | None = None
    candidates: int = 1  # runs of the revision under test that it rests on
    more: str = ""  # why one more run of this revision would help; empty: it would not


class ControlFigures(Frozen):
    """The control in the judged runs and in the baseline's: the median over the runs that have it."""

    p50_ms: float
    p95_ms: float
    baseline_p50_ms: float
    baseline_p95_ms: float


class BaselineRef(Frozen):
    """The runs of a baseline, and so those that a candidate was compared with."""

    mode: str  # automatic, pinned
    run_ids: list[str]  # oldest first
    revisions: list[str]  # of each of ``run_ids``
    missing_run_ids: list[str] = Field(default_factory=list)  # in the baseline, but their samples are gone

    @property
    def compared_run_ids(self) -> list[str]:
        """Those that took part: their samples are still there. Oldest first."""
        return [run_id for run_id in self.run_ids if run_id not in self.missing_run_ids]

    @property
    def compared_revisions(self) -> list[str]:
        """What the runs that took part had measured; each revision once, oldest first."""
        runs = zip(self.run_ids, self.revisions, strict=False)
        taken = [revision for run_id, revision in runs if run_id not in self.missing_run_ids]
        return list(dict.fromkeys(taken))


class Series(Frozen):
    """A run and those that confirm it: one revision, judged together against one baseline."""

    first_run_id: str
    run_ids: list[str]  # judged together, oldest first, the run itself last
    left_out: list[str] = Field(
        default_factory=list
    )  # one sentence for each run of the series that does not count


class Comparison(Frozen):
    """Value of ``baseline_comparison``."""

    run_id: str
    compared: bool
    why_not: str = ""  # when not compared: invalid run, no baseline, other fingerprint and which part
    baseline: BaselineRef | None = None
    series: Series | None = None  # of a run that confirms another one
    control: ControlFigures | None = None  # None: one side has no run with a control
    judgement: Judgement
    judged_s: float = 0.0
