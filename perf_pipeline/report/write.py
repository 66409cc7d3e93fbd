"""Write a run's reports into its folder, each whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perf_pipeline import conventions as names
from perf_pipeline.core.history_model import Past
from perf_pipeline.core.model import RunRecord, RunSamples
from perf_pipeline.files import write_whole
from perf_pipeline.report.html import render_html
from perf_pipeline.report.json_report import render_json
from perf_pipeline.report.junit import render_junit
from perf_pipeline.report.markdown import render_comparison, render_markdown
from perf_pipeline.report.view import build_view
from perf_pipeline.suite import Suite


def write_reports(
    record: RunRecord,
    *,
    suite: Suite,
    run_folder: Path,
    samples: RunSamples | None = None,
    baseline: Sequence[RunSamples] = (),
    series: Mapping[str, Any] | None = None,
    past: Past | None = None,
) -> dict[str, Path]:
    """Returns ``html``, ``markdown``, ``comparison``, ``json`` and ``junit`` -> file. Raises OSError.

    JSON is written first: should a plot fail, the figures are safe.
    """
    written = {"json": write_whole(run_folder / names.REPORT_JSON, render_json(record))}
    view = build_view(record, suite=suite, samples=samples, baseline=baseline, series=series, past=past)
    written["markdown"] = write_whole(run_folder / names.REPORT_MARKDOWN, render_markdown(view))
    written["comparison"] = write_whole(run_folder / names.REPORT_COMPARISON, render_comparison(view))
    written["junit"] = write_whole(run_folder / names.REPORT_JUNIT, render_junit(view))
    written["html"] = write_whole(run_folder / names.REPORT_HTML, render_html(view))
    return written
