"""What the pipeline itself tells Prometheus of a run: one sample per figure at its end, a few while it runs.

k6 writes what happened second by second; this is what was made of it, for trends over runs and for alerts
that serve runs shorter than an alert's patience. Pure: ``prometheus.remote_write`` sends the samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Protocol

from perf_pipeline import conventions as names
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.judgement import EndpointVerdict
from perf_pipeline.core.model import EndpointSlo, Outcome, RunRecord, SloStatus
from perf_pipeline.suite import Profile, Suite

P50, P95 = "0.5", "0.95"
LOW, MID, HIGH = "low", "mid", "high"
_HOLDS = 1.0  # of one value of an enumeration, such as an outcome
_TAKEN_BACK = 0.0
_ENUMERATIONS = {names.RUN_VERDICT, names.RUN_OUTCOME}

Labels = Mapping[str, str]
BaselineBand = Mapping[str, Mapping[str, tuple[float, float, float]]]
"""Endpoint -> quantile -> lowest, median and highest figure of the baseline's runs, in seconds."""


class SeriesSample(Frozen):
    """One value of one series. ``value`` None: the series ends here, an instant query finds it no longer."""

    metric: str
    labels: dict[str, str]
    value: float | None
    unix_ms: int

    @property
    def series(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return self.metric, tuple(sorted(self.labels.items()))


class WhatRan(Protocol):
    """A request, or a run as the store knows it."""

    @property
    def suite(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def profile(self) -> str: ...


def run_labels(run_id: str, ran: WhatRan) -> dict[str, str]:
    """The labels that every sample of a run carries."""
    return {
        names.TAG_TEST_ID: run_id,
        names.TAG_SUITE: ran.suite,
        names.TAG_TARGET: ran.target,
        names.TAG_PROFILE: ran.profile,
    }


# ------------------------------------------------------------------ at its end


def end_samples(record: RunRecord, *, accepted: bool, invalid_of_last: int) -> list[SeriesSample]:
    """Everything about a measured run, at the time of its load's end, so that telling it twice adds nothing.

    ``invalid_of_last``: how many of the last RUNS_LOOKED_AT runs were invalid, this one included. An invalid
    run has its figures, but nothing that judges: no ``slo_met``, no verdict.
    """
    run = run_labels(record.stack.run_id, record.stack.request)
    at = unix_ms(record.load.ended_at)
    duration_s = (record.load.ended_at - record.load.started_at).total_seconds()

    def sample(metric: str, value: float, **labels: str) -> SeriesSample:
        return SeriesSample(metric=metric, labels=run | labels, value=value, unix_ms=at)

    samples = [
        outcome_sample(run, record.outcome, at),
        sample(names.RUN_ACCEPTED, float(accepted)),
        invalid_of_last_sample(run, invalid_of_last, at),
        sample(names.RUN_DURATION, duration_s),
    ]
    for slo in record.slo.endpoints:
        figures = [*_figures(slo)]
        if record.slo.valid:
            figures += _judged(slo, record.comparison.judgement.endpoints.get(slo.endpoint))
        samples += [sample(metric, value, endpoint=slo.endpoint, **label) for metric, value, label in figures]
    return samples


def outcome_sample(run: Labels, outcome: Outcome, at_unix_ms: int) -> SeriesSample:
    """Also of a run that measured nothing. ``run``: from ``run_labels``."""
    labels = {**run, names.LABEL_OUTCOME: outcome.value}
    return SeriesSample(metric=names.RUN_OUTCOME, labels=labels, value=_HOLDS, unix_ms=at_unix_ms)


def invalid_of_last_sample(run: Labels, invalid_of_last: int, at_unix_ms: int) -> SeriesSample:
    """As ``outcome_sample``."""
    return SeriesSample(
        metric=names.RUN_INVALID_OF_LAST, labels=dict(run), value=invalid_of_last, unix_ms=at_unix_ms
    )


_Figure = tuple[str, float, dict[str, str]]  # metric, value, its own label


def _figures(slo: EndpointSlo) -> Iterable[_Figure]:
    yield names.RUN_REQUESTS, slo.requests, {}
    yield names.RUN_ERRORS, slo.failed, {}
    milliseconds = (
        (names.RUN_LATENCY, P50, slo.p50_ms),
        (names.RUN_LATENCY, P95, slo.p95_ms),
        (names.RUN_OBJECTIVE, P50, slo.p50_objective_ms),
        (names.RUN_OBJECTIVE, P95, slo.p95_objective_ms),
    )
    for metric, quantile, value_ms in milliseconds:
        if value_ms is not None:
            yield metric, value_ms / 1000, {names.LABEL_QUANTILE: quantile}


def _judged(slo: EndpointSlo, verdict: EndpointVerdict | None) -> Iterable[_Figure]:
    if slo.status is not SloStatus.NO_DATA:
        yield names.RUN_SLO_MET, float(slo.status is SloStatus.MET), {}
    if verdict is None:
        return
    yield names.RUN_VERDICT, _HOLDS, {names.LABEL_VERDICT: verdict.verdict.value}
    for quantile, effect in ((P50, verdict.p50), (P95, verdict.p95)):
        if effect is not None:
            yield names.RUN_NOISE, effect.noise_ratio, {names.LABEL_QUANTILE: quantile}
            yield names.RUN_CHANGE, effect.ratio - 1, {names.LABEL_QUANTILE: quantile}


def corrected(
    told: Sequence[SeriesSample], wanted: Sequence[SeriesSample], *, now_unix_ms: int
) -> list[SeriesSample]:
    """What to write, so that the last sample of every series of the run says what is wanted.

    ``told``: what was written of this run before, such as ``invalid`` by a run that broke and was completed
    later. What is still so is written again as it was, which adds nothing; what is not so any more gets a new
    sample at ``now_unix_ms``: 0 where an outcome or a verdict was taken back.
    """
    before = {one.series: one for one in told}
    samples = []
    for one in wanted:
        old = before.pop(one.series, None)
        if old is None:
            samples.append(one)
        elif old.value == one.value:
            samples.append(old)
        else:
            samples.append(one.model_copy(update={"unix_ms": now_unix_ms}))
    for old in before.values():
        if old.metric in _ENUMERATIONS and old.value != _TAKEN_BACK:
            samples.append(old.model_copy(update={"value": _TAKEN_BACK, "unix_ms": now_unix_ms}))
        else:
            samples.append(old)
    return samples


# ------------------------------------------------------------------ while it runs


def running_samples(
    run: Labels, *, planned_rate_per_s: float, band: BaselineBand, revision: str | None, at_unix_ms: int
) -> list[SeriesSample]:
    """What panels show beside the load. ``run``: from ``run_labels``."""

    def sample(metric: str, value: float, **labels: str) -> SeriesSample:
        return SeriesSample(metric=metric, labels={**run, **labels}, value=value, unix_ms=at_unix_ms)

    return [
        sample(names.RUN_PLANNED_RATE, planned_rate_per_s),
        sample(names.RUN_TARGET_INFO, _HOLDS, revision=revision or "unknown"),
        *(
            sample(names.RUN_BASELINE, value_s, endpoint=endpoint, quantile=quantile, bound=bound)
            for endpoint, quantiles in band.items()
            for quantile, bounds in quantiles.items()
            for bound, value_s in zip((LOW, MID, HIGH), bounds, strict=True)
        ),
    ]


def ended(samples: Iterable[SeriesSample], *, at_unix_ms: int) -> list[SeriesSample]:
    """The end of these series: without it their last value would be shown for five minutes more."""
    return [one.model_copy(update={"value": None, "unix_ms": at_unix_ms}) for one in samples]


def planned_rate_per_s(suite: Suite, profile: Profile, *, elapsed_s: float, planned_s: float) -> float:
    """Requests per second that the plan holds, ``elapsed_s`` after the load began; ``planned_s``: its length.

    With users instead of a rate it is what they send as long as none waits for the target.
    """
    measure_start_s = planned_s - profile.duration_s
    if elapsed_s >= planned_s or profile.warmup_s <= elapsed_s < measure_start_s:
        return 0.0
    return _iterations_per_s(profile, elapsed_s - measure_start_s) * suite.requests_per_iteration


def _iterations_per_s(profile: Profile, measured_s: float) -> float:
    """``measured_s``: since the measured phase began; negative in the warm-up."""
    if profile.users is not None:
        return profile.peak_rate_per_s or 0.0
    end_s = 0.0
    for stage in profile.stages:
        end_s += stage.duration_s
        if measured_s < end_s:
            return stage.rate_per_s
    return profile.stages[-1].rate_per_s


def baseline_band(runs: Sequence[Sequence[EndpointSlo]]) -> BaselineBand:
    """``runs``: the endpoints' figures of each run that the coming one will be compared with."""
    band: dict[str, dict[str, tuple[float, float, float]]] = {}
    found: dict[tuple[str, str], list[float]] = {}
    for endpoints in runs:
        for one in endpoints:
            for quantile, value_ms in ((P50, one.p50_ms), (P95, one.p95_ms)):
                if value_ms is not None:
                    found.setdefault((one.endpoint, quantile), []).append(value_ms / 1000)
    for (endpoint, quantile), values in found.items():
        band.setdefault(endpoint, {})[quantile] = (min(values), median(values), max(values))
    return band


def unix_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
