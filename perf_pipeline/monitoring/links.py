"""Addresses of dashboards, as Grafana writes them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from perf_pipeline.conventions import RUN, TAG_TEST_ID, dashboard_uid

# Around a load: its last writes and the samples of the run come a little after its end.
MARGIN = timedelta(seconds=15)


def run_dashboard_url(
    grafana_url: str, *, suite: str, run_id: str, started_at: datetime, ended_at: datetime
) -> str:
    """One run's dashboard, at the time of its load."""
    asked = {
        f"var-{TAG_TEST_ID}": run_id,
        "from": _unix_ms(started_at - MARGIN),
        "to": _unix_ms(ended_at + MARGIN),
    }
    return f"{grafana_url.rstrip('/')}/d/{dashboard_uid(suite, RUN)}?{urlencode(asked)}"


def _unix_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
