"""Everything that is derived from a suite file. Pure: the command line writes, a test looks for drift."""

from __future__ import annotations

from perf_pipeline.conventions import SUITE_JSON
from perf_pipeline.monitoring.alerts import alerting_rules, alerts_path
from perf_pipeline.monitoring.dashboards import dashboard_files
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.monitoring.rules import recording_rules, rules_path
from perf_pipeline.suite import Suite


def generated_files(suite: Suite) -> dict[str, str]:
    """Path relative to the project root -> text."""
    return {
        f"k6/{suite.name}/{SUITE_JSON}": suite_json(suite),
        rules_path(suite.name): recording_rules(suite),
        alerts_path(suite.name): alerting_rules(suite),
        **dashboard_files(suite),
    }
