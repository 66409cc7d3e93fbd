"""PromQL that several dashboards need. Grafana fills in ``$target``, ``$__range`` and the like.

Samples of one run (``perf_run_*``) and records of a run that ended are older than the five minutes that an
instant selector looks back: they are read by ``last_over_time``.
"""

from __future__ import annotations

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.promql import duration, selector
from perf_pipeline.monitoring.series import INTERVAL_S
from perf_pipeline.suite import Suite

TARGET = "$target"
PROFILE = "$profile"
TEST_ID = "$testid"
SHOWN = "$__range"  # the time that the dashboard shows
STEP = "$__interval"  # the time between two points
# Steps of a subquery that must see every sample: less than the five minutes of the look-back.
EVERY_SAMPLE = "4m"
EVALUATED = duration(INTERVAL_S)  # how often the recording rules are


def of_suite(metric: str, suite: Suite, **labels: str) -> str:
    """A series of the chosen target; the target may be a regular expression."""
    return selector(metric, _matches={names.TAG_TARGET: TARGET}, suite=suite.name, **labels)


def of_run(metric: str, **labels: str) -> str:
    return selector(metric, _matches=None, testid=TEST_ID, **labels)


def of_profile(metric: str, suite: Suite, **labels: str) -> str:
    """A series of the runs that one can compare: same target, same profile."""
    return selector(metric, _matches=None, suite=suite.name, target=TARGET, profile=PROFILE, **labels)


def last(series: str, span: str = SHOWN) -> str:
    return f"last_over_time({series}[{span}])"


def last_where(value: str, there: str) -> str:
    """The last ``value`` (never negative), but nothing where it was missing while ``there`` went on.

    An endpoint of which every request fails has no latency: the one it had before would look like health.
    """
    return f"last_over_time(({value} or 0 * {there} - 1)[{SHOWN}:{EVALUATED}]) >= 0"


def by(labels: str, expr: str, how: str = "max") -> str:
    return f"{how} by ({labels}) ({expr})"


def ms(expr: str) -> str:
    return f"1000 * {expr}"


def held(series: str, span: str = SHOWN) -> str:
    """The label that holds (a verdict, an outcome): one that was taken back is written as 0."""
    return f"({last(series, span)} == 1)"


def ended_at(series: str, labels: str, *, only: str = "") -> str:
    """Unix seconds of the last sample of ``series`` in the shown time, however old it is.

    Steps of a subquery lie at multiples of its step: what came after the last one is asked for by itself.
    ``only``: times of samples for which that holds, such as ``== 1``.
    """
    at = f"timestamp({series})" + (f" * ({series} {only})" if only else "")
    return by(labels, f"{at} or max_over_time(({at})[{SHOWN}:{EVERY_SAMPLE}])")


def added(counter: str, labels: str) -> str:
    """What was added in the shown time, exactly: ``increase`` guesses, and misses how a series begins."""
    return by(labels, f"{last(counter)} - ({counter} offset {SHOWN} or 0 * {last(counter)})", "sum")


def new_in_step(counter: str, labels: str) -> str:
    """What was added since the point before. ``rate`` would miss that k6's series begin above 0."""
    now = by(labels, counter, "sum")
    before = by(labels, f"{counter} offset {STEP}", "sum")
    return f"{now} - ({before} or 0 * {now})"


def or_zero(expr: str, *, while_there_is: str) -> str:
    """0 when nothing was counted, but only where something could have been."""
    return f"{expr} or on() 0 * max({while_there_is})"


# ------------------------------------------------------------------ annotations


def runs(matching: str) -> str:
    """Above 0 while a run's load goes on; ``matching``: a selector of k6's users."""
    return f"count by ({names.TAG_TEST_ID}, {names.TAG_PROFILE}) (count_over_time({matching}[10s]))"


NEW_FOR = "5m"  # a deploy is marked as long; steps that are no longer miss none
_LOOKED_BACK = ("15m", "1h", "6h", "1d", "7d")


def deploys(info: str) -> str:
    """1 for the first minutes of a revision: not seen for a while in which another one was.

    Each term looks back further, so that a return to an old revision is seen as well, unless both changes lie
    within the same quarter of an hour.
    """
    key = f"{names.TAG_TARGET}, {names.LABEL_REVISION}"
    now = by(key, f"last_over_time({info}[{NEW_FOR}])")

    def seen(span: str) -> str:
        return f"last_over_time({info}[{span}] offset {NEW_FOR})"

    terms = [
        f"({now} unless on ({key}) {seen(span)} and on ({names.TAG_TARGET}) {seen(span)})"
        for span in _LOOKED_BACK
    ]
    first_ever = f"({now} unless on ({key}) {seen('30d')})"
    return " or ".join([*terms, first_ever])
