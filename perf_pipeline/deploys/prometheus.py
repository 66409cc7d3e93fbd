"""Deploys as a Prometheus sees them: a build-info metric, one series for each replica."""

from __future__ import annotations

from typing import Any

from perf_pipeline.core.deploys import Observation
from perf_pipeline.deploys.asking import NoAnswerError, client, get_json, revision_text
from perf_pipeline.suite import PrometheusPlace


class BuildInfo:
    """The label of all series that the query gives at this moment.

    Not asked through ``prometheus.client``, whose answers have no bound and take three attempts.
    """

    def __init__(self, place: PrometheusPlace) -> None:
        self._place = place

    async def look(self) -> Observation:
        """Raises NoAnswerError, also where there is no series."""
        url = f"{self._place.url.rstrip('/')}/api/v1/query"
        async with client() as asked:
            answer = await get_json(asked, url, params={"query": self._place.query})
        found = _labels(answer, self._place.label, url)
        if not found:
            raise NoAnswerError(f"{url} has no series for {self._place.query}")
        where = f"label {self._place.label} of {self._place.query} at {url}"
        return Observation(frozenset(revision_text(one, where) for one in found))


def _labels(answer: Any, label: str, url: str) -> list[Any]:
    try:
        data = answer["data"]
        if answer["status"] != "success" or data["resultType"] != "vector":
            raise NoAnswerError(f"{url} answers no vector: the query must select series")
        return [series["metric"].get(label) for series in data["result"]]
    except (LookupError, TypeError, AttributeError):
        raise NoAnswerError(f"{url} does not answer as Prometheus does") from None
