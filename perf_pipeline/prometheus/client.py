"""Asking Prometheus through prometheus-api-client, with deadlines and numbers instead of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util import Retry

from perf_pipeline.conventions import TAG_ENDPOINT

TIMEOUT_S = 5
RETRIES = 2  # of a connection that broke or a 503; a refused one fails three times within half a second
BACKOFF_S = 0.1

T = TypeVar("T")


class PrometheusLostError(Exception):
    """Prometheus does not answer, or not as Prometheus does; the text is a short phrase."""


@dataclass(frozen=True)
class Point:
    """A value at a moment."""

    unix_s: float
    value: float


class PrometheusClient:
    """One Prometheus. Every method raises PrometheusLostError."""

    def __init__(self, url: str) -> None:
        session = requests.Session()
        session.trust_env = False  # a proxy of the environment has no business between us and Prometheus
        retry = Retry(total=RETRIES, read=False, backoff_factor=BACKOFF_S, status_forcelist=(502, 503, 504))
        self._url = url.rstrip("/")
        self._connection = PrometheusConnect(url=self._url, session=session, retry=retry, timeout=TIMEOUT_S)

    def by_endpoint(self, query: str, at: datetime) -> dict[str, float]:
        """Value of each series by its label ``endpoint`` at one moment; NaN (no data) is left out."""
        found = {}
        for series in self._ask(query, at):
            value = _number(series["value"][1])
            if value is not None:
                found[_endpoint(series)] = value
        return found

    def single(self, query: str, at: datetime) -> float | None:
        """Value of the only series, None without one."""
        values = [_number(series["value"][1]) for series in self._ask(query, at)]
        return values[0] if values else None

    def over_time(self, query: str, *, start: datetime, end: datetime, step_s: int) -> dict[str, list[Point]]:
        """Points of each series by its label ``endpoint``; NaN (an idle window) is left out."""
        answer = self._guarded(
            lambda: self._connection.custom_query_range(
                query=query, start_time=start, end_time=end, step=f"{step_s}s"
            )
        )
        return self._guarded(lambda: {_endpoint(series): _points(series["values"]) for series in answer})

    def _ask(self, query: str, at: datetime) -> list[dict[str, Any]]:
        moment = f"{at.astimezone(UTC).timestamp():.3f}"
        answer = self._guarded(lambda: self._connection.custom_query(query=query, params={"time": moment}))
        return list(answer)

    def _guarded(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except requests.exceptions.ConnectionError:
            raise PrometheusLostError(f"nothing answers at {self._url}") from None
        except requests.exceptions.Timeout:
            raise PrometheusLostError(f"{self._url} gave no answer within {TIMEOUT_S} s") from None
        except (requests.RequestException, PrometheusApiClientException) as error:
            raise PrometheusLostError(f"{self._url} answered with an error ({str(error)[:200]})") from error
        except (ValueError, LookupError, TypeError) as error:
            raise PrometheusLostError(f"{self._url} does not answer as Prometheus does") from error


def _endpoint(series: Mapping[str, Any]) -> str:
    return str(series["metric"].get(TAG_ENDPOINT, ""))


def _points(values: list[list[Any]]) -> list[Point]:
    numbers = [(float(moment), _number(text)) for moment, text in values]
    return [Point(moment, value) for moment, value in numbers if value is not None]


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None
