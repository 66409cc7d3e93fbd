"""Grafana's dashboards of one suite, as classic (v1) JSON. Pure: a suite in, texts out."""

from __future__ import annotations

from perf_pipeline import conventions as names
from perf_pipeline.suite import Suite


def dashboard_files(suite: Suite) -> dict[str, str]:
    """Path relative to the project root -> text. ``pipeline-health`` is the same for every suite."""
    # Here, so that nothing but the generator waits for the SDK or needs it installed.
    from perf_pipeline.monitoring.dashboards.benchmark import benchmark  # noqa: PLC0415 - as said
    from perf_pipeline.monitoring.dashboards.health import pipeline_health  # noqa: PLC0415 - as said
    from perf_pipeline.monitoring.dashboards.run import run  # noqa: PLC0415 - as said
    from perf_pipeline.monitoring.dashboards.trend import trend  # noqa: PLC0415 - as said

    pages = {
        f"{suite.name}-{names.BENCHMARK}": benchmark(suite),
        f"{suite.name}-{names.RUN}": run(suite),
        f"{suite.name}-{names.TREND}": trend(suite),
        names.PIPELINE_HEALTH: pipeline_health(),
    }
    return {f"{names.DASHBOARDS_FOLDER}/{file}.json": one.text() for file, one in pages.items()}
