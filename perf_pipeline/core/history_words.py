"""What a history says in sentences, without full stops: the same in the terminal and in reports."""

from __future__ import annotations

from datetime import datetime

from perf_pipeline.core.history_model import ChangePoint, Drift, Past
from perf_pipeline.core.wording import change, count, interval, milliseconds

_SPARKS = "▁▂▃▄▅▆▇█"
SHORT_ID = 8  # characters of a run id that people type
SPARK_WIDTH = 40


def day(moment: datetime) -> str:
    """``12 Nov 2026``."""
    return f"{moment.day} {moment:%b %Y}"


def change_sentence(one: ChangePoint) -> str:
    """``since run 49871f51 (revision 1.4.0, 12 Nov 2026): p50 +9.1 % (interval ...), 10.2 ms to 11.1 ms``."""
    return (
        f"since run {one.run_id[:SHORT_ID]} (revision {one.revision or 'unknown'}, {day(one.started_at)}): "
        f"{one.quantile} {change(one.ratio)} (interval {interval(one.low, one.high)}), "
        f"{milliseconds(one.before_ms)} to {milliseconds(one.after_ms)}"
    )


def drift_sentence(one: Drift) -> str:
    """The whole way from the reference to now, and whether a change point dates it."""
    if one.pinned:
        reference = f"the pinned baseline ({count(one.reference_runs, 'run')} of revision {_revision(one)})"
    else:
        reference = f"the first {one.reference_runs} runs (until {day(one.reference_until)})"
    how = "" if one.dated else ", slowly: no single run dates it"
    return (
        f"{one.quantile} {change(one.ratio)} (interval {interval(one.low, one.high)}) "
        f"from {reference} to the newest {count(one.recent_runs, 'run')}{how}"
    )


def _revision(one: Drift) -> str:
    return one.reference_revision or "unknown"


def findings(past: Past) -> list[str]:
    """For a run's report: the newest change of each endpoint, and what drifted without a date."""
    said = []
    for endpoint in past.history.endpoints if past.history else []:
        if endpoint.changes:
            newest = endpoint.changes[-1].started_at
            same = [one for one in endpoint.changes if one.started_at == newest]
            said.append(f"{endpoint.endpoint}: {change_sentence(min(same, key=lambda one: one.quantile))}")
        said += [
            f"{endpoint.endpoint}: {drift_sentence(one)}"
            for one in endpoint.drifts
            if one.stands and not one.dated
        ]
    shared = past.history.shared if past.history else None
    if shared and shared.changes:
        said.append(shared_sentence(shared.changes[-1]))
    return said


def shared_sentence(one: ChangePoint) -> str:
    """A change that all endpoints made together. Their level in ms is nobody's, so it is left out."""
    return (
        f"all endpoints together, the machine or the service: since run {one.run_id[:SHORT_ID]} "
        f"(revision {one.revision or 'unknown'}, {day(one.started_at)}) {one.quantile} {change(one.ratio)} "
        f"(interval {interval(one.low, one.high)})"
    )


def reset_advice(past: Past) -> tuple[str, str] | None:
    """On the newest change that the automatic baseline spans: a sentence and the command; None: none."""
    if not past.spanned:
        return None
    one = max(past.spanned, key=lambda spanned: spanned.change.started_at)
    change_point = one.change
    names = sorted({other.endpoint for other in past.spanned if other.change.run_id == change_point.run_id})
    sentence = (
        f"the baseline still spans the change of {', '.join(names)} on {day(change_point.started_at)} "
        f"({count(one.runs_before, 'run')} before it, {one.runs_after} since): "
        "reset it, so that it describes one level"
    )
    command = (
        f"perf-pipeline baseline reset {past.suite} --target {past.target} --profile {past.profile} "
        f"--from {change_point.run_id[:SHORT_ID]} --reason 'the new level is wanted'"
    )
    return sentence, command


def sparkline(values: list[float]) -> str:
    """The last SPARK_WIDTH values as bars of eight heights; of equal values, low ones."""
    shown = values[-SPARK_WIDTH:]
    if not shown:
        return ""
    low, span = min(shown), max(shown) - min(shown)
    if span <= 1e-9 * abs(low):
        return _SPARKS[0] * len(shown)
    return "".join(
        _SPARKS[min(int(len(_SPARKS) * (value - low) / span), len(_SPARKS) - 1)] for value in shown
    )
