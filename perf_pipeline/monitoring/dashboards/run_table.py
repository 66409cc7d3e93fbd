"""The table of runs, with links to each run's dashboard and to Dagster, at the run's own time."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.builders import table

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.dashboards import ask, words
from perf_pipeline.monitoring.dashboards import looks as look
from perf_pipeline.monitoring.dashboards import panels as p

TEST_ID, PROFILE = names.TAG_TEST_ID, names.TAG_PROFILE
# Around a run: its last writes come a little after the end of its load.
MARGIN_MS = 15_000


def runs(of: Callable[..., str], *, dashboard: str, more_labels: tuple[str, ...] = ()) -> table.Panel:
    """``of``: metric and labels -> selector of the wanted runs; ``dashboard``: uid of the run's dashboard."""
    key = ", ".join((TEST_ID, *more_labels))
    duration = of(names.RUN_DURATION)
    ended = ask.ended_at(duration, key)
    length = ask.by(key, ask.last(duration))
    met = ask.last(of(names.RUN_SLO_MET))
    times = "from=${__data.fields.start.numeric}&to=${__data.fields.stop.numeric}"
    to_run = look.linked("The run's dashboard", f"/d/{dashboard}?var-testid=${{__data.fields.run}}&{times}")
    to_dagster = look.linked("Dagster run", f"{names.DAGSTER_URL}/runs/${{__value.raw}}")
    red, yellow = (
        look.coloured((None, look.GREEN), (1, look.RED)),
        look.coloured((None, look.GREEN), (1, look.YELLOW)),
    )
    return p.grid(
        "Runs",
        "Runs of the shown time; one that goes on has no outcome yet. A click on the time opens the "
        "run's dashboard, on the id its Dagster run. Recorded: share of the measured requests that "
        "Prometheus holds.",
        [
            p.Column("ended", f"1000 * {ended}", unit="dateTimeAsIso", properties=(to_run,)),
            *(p.Column(label, label=label) for label in more_labels),
            p.Column(
                "outcome",
                label=names.LABEL_OUTCOME,
                properties=(look.BACKGROUND, look.mapped(words.OUTCOMES)),
            ),
            p.Column("breached", _number(f"{met} == 0", met, key), properties=(look.BACKGROUND, red)),
            p.Column("regressed", _verdicts(of, "regressed", key), properties=(look.BACKGROUND, red)),
            p.Column(
                "inconclusive", _verdicts(of, "inconclusive", key), properties=(look.BACKGROUND, yellow)
            ),
            p.Column(
                "in baseline",
                ask.by(key, ask.last(of(names.RUN_ACCEPTED))),
                properties=(look.mapped({"1": ("yes", look.GREEN), "0": ("no", look.GREY)}),),
            ),
            p.Column("duration", length, unit="s"),
            p.Column("recorded", _recorded(of, key), unit="percentunit", decimals=0),
            p.Column("revision", label=names.LABEL_REVISION),
            p.Column("run", label=TEST_ID, properties=(to_dagster,)),
            p.Column("start", f"floor(1000 * ({ended} - {length})) - {MARGIN_MS}", properties=(look.HIDDEN,)),
            p.Column("stop", f"ceil(1000 * {ended}) + {MARGIN_MS}", properties=(look.HIDDEN,)),
            p.Column(
                "known outcome",
                _labelled(of(names.RUN_OUTCOME), names.LABEL_OUTCOME, key),
                properties=(look.HIDDEN,),
            ),
            p.Column(
                "known revision",
                ask.by(f"{key}, {names.LABEL_REVISION}", ask.last(of(names.RUN_TARGET_INFO))),
                properties=(look.HIDDEN,),
            ),
        ],
        sort_by="ended",
        descending=True,
    )


def _labelled(series: str, label: str, key: str) -> str:
    return ask.by(f"{key}, {label}", ask.held(series))


def _number(found: str, among: str, key: str) -> str:
    return f"count by ({key}) ({found}) or 0 * max by ({key}) ({among})"


def _verdicts(of: Callable[..., str], verdict: str, key: str) -> str:
    return _number(ask.held(of(names.RUN_VERDICT, verdict=verdict)), ask.held(of(names.RUN_VERDICT)), key)


def _recorded(of: Callable[..., str], key: str) -> str:
    """Prometheus' count of measured requests against k6's own, which the pipeline wrote."""
    counter = of(names.prometheus_counter(names.METRIC_HTTP_REQS), phase=names.PHASE_MEASURE)
    return f"{ask.by(key, ask.last(counter), 'sum')} / {ask.by(key, ask.last(of(names.RUN_REQUESTS)), 'sum')}"
