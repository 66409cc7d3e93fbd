"""A suite's dashboards for one run alone: its time and its id are part of them.

Imported into any Grafana, they show that run and no other, from whichever Prometheus holds it: the data
source is chosen on the page. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from perf_pipeline import conventions as names
from perf_pipeline.suite import Suite

# The last samples of k6, and the last evaluation of the rules that saw the load, come after its end.
AFTER_THE_END = timedelta(seconds=45)
SHOWN = (names.BENCHMARK, names.RUN)  # the others show many runs
_DATASOURCE = "datasource"


@dataclass(frozen=True)
class ShownRun:
    """The run that is shown, and when its load went on."""

    run_id: str
    target: str
    started_at: datetime
    ended_at: datetime


def baked_dashboards(suite: Suite, run: ShownRun) -> dict[str, str]:
    """File name -> text of a classic dashboard."""
    # Here, so that nothing but the end of a run waits for the SDK.
    from perf_pipeline.monitoring.dashboards.benchmark import benchmark  # noqa: PLC0415
    from perf_pipeline.monitoring.dashboards.run import run as one_run  # noqa: PLC0415

    pages = {names.BENCHMARK: benchmark(suite), names.RUN: one_run(suite)}
    return {
        f"{suite.name}-{kind}.json": _text(_baked(json.loads(pages[kind].text()), kind, suite, run))
        for kind in SHOWN
    }


def baked_uid(run_id: str, kind: str) -> str:
    """Not the suite's own: importing a run's dashboard replaces nothing but itself."""
    return names.dashboard_uid(run_id, kind)


def _baked(content: dict[str, Any], kind: str, suite: Suite, run: ShownRun) -> dict[str, Any]:
    day = f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    variables = content.get("templating", {}).get("list", [])
    fixed = {names.TAG_TEST_ID: run.run_id, names.TAG_TARGET: run.target}
    baked: dict[str, Any] = _with_chosen_source(content) | {
        "uid": baked_uid(run.run_id, kind),
        "title": f"{content['title']} {run.run_id[:8]}, {day}",
        "description": f"Run {run.run_id} of suite {suite.name} on {run.target}, {day}, and no other.",
        "time": {"from": _moment(run.started_at), "to": _moment(run.ended_at + AFTER_THE_END)},
        "refresh": "",
        "templating": {
            "list": [_source(), *(_fixed(one, fixed.get(one["name"])) for one in variables)],
        },
        "links": _links(content.get("links", []), suite, run),
    }
    return baked


def _with_chosen_source(content: Any) -> Any:
    if isinstance(content, dict):
        if content.get("uid") == names.GRAFANA_DATASOURCE:
            return content | {"uid": f"${{{_DATASOURCE}}}"}
        return {key: _with_chosen_source(value) for key, value in content.items()}
    return [_with_chosen_source(one) for one in content] if isinstance(content, list) else content


def _source() -> dict[str, Any]:
    """The Prometheus of this Grafana that is asked; its default one is taken first."""
    return {"type": "datasource", "name": _DATASOURCE, "label": "Prometheus", "query": "prometheus"}


def _fixed(variable: Mapping[str, Any], value: str | None) -> Mapping[str, Any]:
    """A variable with one value to choose from; None: as it was."""
    if value is None:
        return variable
    chosen = {"selected": True, "text": value, "value": value}
    return {
        "type": "custom",
        "name": variable["name"],
        "label": variable.get("label", variable["name"]),
        "query": value,
        "current": chosen,
        "options": [chosen],
        "multi": False,
        "includeAll": False,
    }


def _links(links: list[dict[str, Any]], suite: Suite, run: ShownRun) -> list[dict[str, Any]]:
    """Between the two pages of the run, and out of Grafana; a page of many runs may not be there."""
    pages = {
        f"/d/{names.dashboard_uid(suite.name, kind)}": f"/d/{baked_uid(run.run_id, kind)}" for kind in SHOWN
    }
    return [
        one | {"url": pages.get(one["url"], one["url"])}
        for one in links
        if one["url"] in pages or not one["url"].startswith("/d/")
    ]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
