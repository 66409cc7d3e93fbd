"""Alerts of one suite. Pure; what to do about each: docs/runbook.md.

Two can fire only in a run that lasts longer than they hold (``EndpointSLOViolation``, ``HighErrorRate``). The
others read the samples that the pipeline writes at the end of a run, one per run: they serve short runs, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from perf_pipeline import conventions as names
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import Outcome
from perf_pipeline.core.schedule import longest_gap_s
from perf_pipeline.monitoring.alert_text import Asked, Question, label
from perf_pipeline.monitoring.promql import aggregate, call, lines, over, selector, steps
from perf_pipeline.monitoring.rule_file import GENERATED, Alert, rule_file
from perf_pipeline.monitoring.series import ENDPOINT, INTERVAL_S, MIN_REQUESTS, RUN, TARGET, Series
from perf_pipeline.suite import Schedule, Suite, Target

VIOLATION_HOLD_S = 300
ERRORS_HOLD_S = 120
HIGH_ERROR_RATIO = 0.05
OVERDUE_S = 2 * 3600  # after a scheduled run should have been accepted
INVALID_RUNS = 3  # of the last RUNS_LOOKED_AT
# How long a run's result is news when no newer run comes: until the next nightly run is overdue.
NEWS_S = 26 * 3600
_STEP_S = 240  # at such steps no sample is missed: each can be seen for 5 minutes

_HEADER = (*GENERATED, "What to do about each: docs/runbook.md.")
_JUDGED = (Outcome.PASSED, Outcome.REGRESSED, Outcome.SLO_BREACHED)
_PROFILE = (*TARGET, names.TAG_PROFILE)
_WHOLE_RUN = (*_PROFILE, names.TAG_TEST_ID)
_WARNING = {"severity": "warning"}
_CRITICAL = {"severity": "critical"}


def alerts_path(suite: str) -> str:
    return f"{names.RULES_FOLDER}/{suite}.alerts.yml"


def alerting_rules(suite: Suite) -> str:
    """The rule file as text."""
    alerts = _Alerts(suite)
    rules = [
        alerts.endpoint_slo_violation(),
        alerts.high_error_rate(),
        alerts.benchmark_slo_breached(),
        alerts.benchmark_regressed(),
        alerts.benchmark_invalid(),
        *(
            alerts.benchmark_missing(target, schedule)
            for target in suite.targets.values()
            for schedule in target.schedules
            if schedule.enabled
        ),
    ]
    return rule_file(_HEADER, suite.name, f"{suite.name}-alerts", INTERVAL_S, rules)


class _Alerts:
    def __init__(self, suite: Suite) -> None:
        self._suite = suite.name
        self._series = Series(suite)
        gaps = [
            longest_gap_s(one) for each in suite.targets.values() for one in each.schedules if one.enabled
        ]
        self._news_s = max([NEWS_S, *(gap + OVERDUE_S for gap in gaps)])

    # ---- while a run goes on

    def endpoint_slo_violation(self) -> Alert:
        here = Asked(ENDPOINT)
        figures = ", ".join(self._figures(here, q) for q in self._promised())
        error_ratio = here.ask(here.series(names.HTTP_ERROR_RATE)).percent()
        allowed = here.ask(here.series(names.SLO_ERRORS)).percent()
        return self._alert(
            "EndpointSLOViolation",
            aggregate("min", self._series.of(names.SLO_MET), by=ENDPOINT) + " == 0",
            hold_s=VIOLATION_HOLD_S,
            labels=_CRITICAL,
            reason="One per endpoint: `or` over the SLO records, which all have the same (no) labels, keeps "
            "only the first that is broken.",
            summary=f"{label('endpoint')} breaks its SLO on {label('target')}",
            description=f"{label('endpoint')} of {label('suite')} on {label('target')}, last minute, worst "
            f"run: {figures}, errors {error_ratio} (objective {allowed}).",
            dashboard=self._dashboard(names.BENCHMARK, names.TAG_TARGET),
        )

    def high_error_rate(self) -> Alert:
        errors = aggregate("sum", self._series.of(names.LIVE_ERRORS), by=RUN)
        requests = aggregate("sum", self._series.requests, by=RUN)
        here = Asked(TARGET)
        worst = here.ask(f"topk(1, {here.series(names.HTTP_ERROR_RATE)})").each(
            "{{ .Labels.endpoint }} {{ .Value | humanizePercentage }}", "unknown"
        )
        share = "{{ $value | humanizePercentage }}"
        return self._alert(
            "HighErrorRate",
            aggregate("max", f"{errors} / ({requests} >= {MIN_REQUESTS})", by=TARGET)
            + f" > {HIGH_ERROR_RATIO}",
            hold_s=ERRORS_HOLD_S,
            labels=_CRITICAL,
            reason="Of all requests of the worst run. Refused and given up requests have status 0, which a "
            'selector such as status=~"[45].." does not see.',
            summary=f"{share} of the requests to {label('target')} fail",
            description=f"{label('suite')} on {label('target')}: {share} of the last minute's requests got "
            f"no expected answer. Worst endpoint: {worst}.",
            dashboard=self._dashboard(names.BENCHMARK, names.TAG_TARGET),
        )

    # ---- after a run

    def benchmark_slo_breached(self) -> Alert:
        breached = self._outcomes(Outcome.SLO_BREACHED)
        run = Asked((names.TAG_TEST_ID,))
        broken = run.ask(f"{self._last(run.series(names.RUN_SLO_MET))} == 0")
        each = Asked((names.TAG_TEST_ID,), of_answer=(names.TAG_ENDPOINT,))
        p95 = {names.LABEL_QUANTILE: "0.95"}
        latency = each.ask(f"{self._last(each.series(names.RUN_LATENCY, **p95))} * 1000").number(
            "%.0f ms", "unknown (no request succeeded)"
        )
        objective = each.ask(f"{self._last(each.series(names.RUN_OBJECTIVE, **p95))} * 1000").number()
        failed = each.ask(self._last(each.series(names.RUN_ERRORS))).number()
        sent = each.ask(self._last(each.series(names.RUN_REQUESTS))).number()
        sentence = (
            f" {{{{ .Labels.endpoint }}}}: p95 {latency}, objective {objective} ms, {failed} of {sent} "
            "requests failed."
        )
        return self._alert(
            "BenchmarkSLOBreached",
            self._of_newest(f"{self._last(breached)} == 1"),
            labels=_CRITICAL,
            reason="The newest judged run of a target and profile; at once.",
            summary=f"A benchmark of {label('suite')} on {label('target')} broke its SLOs",
            description=f"Run {label('testid')} ({label('profile')})."
            + broken.each(sentence, " The target stalled or was lost."),
            dashboard=self._run_dashboard(),
        )

    def benchmark_regressed(self) -> Alert:
        regressed = {names.LABEL_VERDICT: Verdict.REGRESSED.value}
        run = Asked((names.TAG_TEST_ID,))
        slower = run.ask(f"{self._last(run.series(names.RUN_VERDICT, **regressed))} == 1")
        each = Asked((names.TAG_TEST_ID,), of_answer=(names.TAG_ENDPOINT,))
        changes = ", ".join(
            f"p{percent} "
            + each.ask(
                f"{self._last(each.series(names.RUN_CHANGE, **{names.LABEL_QUANTILE: quantile}))} * 100"
            ).number("%+.0f %%")
            for quantile, percent in (("0.5", 50), ("0.95", 95))
        )
        verdicts = self._last(self._series.of(names.RUN_VERDICT, **regressed))
        return self._alert(
            "BenchmarkRegressed",
            self._of_newest(f"{verdicts} == 1"),
            labels=_WARNING,
            reason="As above. A run that breaks its SLOs may have regressed as well.",
            summary=f"{label('suite')} on {label('target')} is slower than its baseline",
            description=f"Run {label('testid')} ({label('profile')}) against its baseline."
            + slower.each(f" {{{{ .Labels.endpoint }}}}: {changes}.", ""),
            dashboard=self._run_dashboard(),
        )

    def benchmark_invalid(self) -> Alert:
        counted = self._series.of(names.RUN_INVALID_OF_LAST)
        newest = aggregate("topk", self._ends(counted, by=_WHOLE_RUN), by=TARGET, take=1)
        return self._alert(
            "BenchmarkInvalid",
            lines(f"{self._last(counted)} >= {INVALID_RUNS}", f"and {newest}"),
            labels=_WARNING,
            reason="The pipeline writes the number: PromQL cannot count runs.",
            summary=f"Benchmarks of {label('suite')} on {label('target')} cannot be judged",
            description=f"{{{{ $value }}}} of the last {names.RUNS_LOOKED_AT} runs of {label('suite')} on "
            f"{label('target')} were invalid; the newest is {label('testid')}. Nothing is compared "
            "meanwhile.",
            dashboard=f"{names.GRAFANA_URL}/d/{names.PIPELINE_HEALTH}",
        )

    def benchmark_missing(self, target: Target, schedule: Schedule) -> Alert:
        gap_s = longest_gap_s(schedule)
        ran = {names.TAG_TARGET: target.name, names.TAG_PROFILE: schedule.profile}
        accepted = call("max_over_time", over(self._series.of(names.RUN_ACCEPTED, **ran), gap_s))
        when = f"'{schedule.cron}' ({schedule.timezone})"
        return self._alert(
            "BenchmarkMissing",
            f"({call('max', accepted)} or vector(0)) == 0",
            hold_s=OVERDUE_S,
            labels={names.TAG_SUITE: self._suite, **ran, names.LABEL_SCHEDULE: schedule.name, **_WARNING},
            reason=f"{schedule.name} of {target.name} is due at {when}; the longest time between two runs is "
            "the window.",
            summary=f"No accepted benchmark of {self._suite} on {target.name} by schedule {schedule.name}",
            description=f"No run of {self._suite} on {target.name} ({schedule.profile}) was accepted since "
            f"schedule {schedule.name} was last due ({when}), and for two hours.",
            dashboard=f"{names.GRAFANA_URL}/d/{names.PIPELINE_HEALTH}",
        )

    # ---- parts

    def _promised(self) -> list[float]:
        promised = [0.95]
        if any(endpoint.slo.p50_ms is not None for endpoint in self._series.endpoints):
            promised.insert(0, 0.5)
        return promised

    def _figures(self, here: Asked, q: float) -> str:
        quantile = {names.LABEL_QUANTILE: f"{q:g}"}
        worst = here.ask(f"max({here.series(names.LIVE_LATENCY, **quantile)}) * 1000")
        objective = here.ask(f"{here.series(names.SLO_OBJECTIVE, **quantile)} * 1000")
        measured = worst.number("%.0f ms", "unknown (no request succeeded)")
        return f"p{q * 100:g} {measured} (objective {objective.number('%.0f ms', 'none')})"

    def _last(self, series: str) -> str:
        """A sample of a run is gone from an instant selector after 5 minutes."""
        return call("last_over_time", over(series, self._news_s))

    def _outcomes(self, *outcomes: Outcome) -> str:
        if len(outcomes) == 1:
            return self._series.of(names.RUN_OUTCOME, **{names.LABEL_OUTCOME: outcomes[0].value})
        matches = {names.LABEL_OUTCOME: "|".join(outcome.value for outcome in outcomes)}
        return selector(names.RUN_OUTCOME, _matches=matches, suite=self._suite)

    def _of_newest(self, found: str) -> str:
        judged = self._ends(self._outcomes(*_JUDGED), by=_WHOLE_RUN)
        newest = aggregate("topk", judged, by=_PROFILE, take=1)
        return lines(newest, f"and {aggregate('max', found, by=_WHOLE_RUN)}")

    def _ends(self, series: str, *, by: tuple[str, ...]) -> str:
        """When each run ended: its sample's own time, at once, and later from steps that miss none."""
        at = call("timestamp", series)
        earlier = call("max_over_time", steps(at, self._news_s, _STEP_S))
        return aggregate("max", lines(at, f"or {earlier}"), by=by)

    def _dashboard(self, kind: str, *variables: str) -> str:
        chosen = "&".join(f"var-{name}={label(name)}" for name in variables)
        return f"{names.GRAFANA_URL}/d/{names.dashboard_uid(self._suite, kind)}?{chosen}"

    def _run_dashboard(self) -> str:
        """Of the run, at its time. The alert's value is when it ended."""
        duration_s = self._last(f"{names.RUN_DURATION}{{{names.TAG_TEST_ID}=%q}}")
        start = Question(f"(%f - max({duration_s})) * 1000", ("$value", f"$labels.{names.TAG_TEST_ID}"))
        span = f'from={start.number(otherwise="now-1h")}&to={{{{ printf "%.0f" $value }}}}000'
        return f"{self._dashboard(names.RUN, names.TAG_TEST_ID)}&{span}"

    def _alert(
        self,
        name: str,
        expr: str,
        *,
        labels: Mapping[str, str],
        reason: str,
        summary: str,
        description: str,
        dashboard: str,
        hold_s: float = 0,
    ) -> Alert:
        annotations = {
            "summary": summary,
            "description": description,
            "runbook_url": f"{names.RUNBOOK}#{name.lower()}",
            "dashboard_url": dashboard,
        }
        return Alert(name, expr, annotations, labels, hold_s, reason)
