"""What k6 is doing right now, asked over its REST API on loopback."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass

from perf_pipeline.conventions import (
    METRIC_CONTROL_REQUESTS,
    METRIC_ERRORS,
    METRIC_HTTP_REQS,
    PHASE_MEASURE,
    PHASE_SETUP,
    PHASE_WARMUP,
)
from perf_pipeline.ports import LOOPBACK

ASK_TIMEOUT_S = 0.5
PHASE_FINISH = "finish"  # the plan is over; k6 waits for the last answers


@dataclass(frozen=True)
class Progress:
    """The state of the load about once a second. Counts include warm-up; None: k6 does not tell."""

    phase: str  # setup, warmup, measure, finish
    elapsed_s: float  # since the load began
    planned_s: float  # warm-up, pause and measured phase
    requests: int | None
    failed: int | None
    rate_per_s: float | None  # requests per second since the last report


def phase_at(elapsed_s: float | None, measure_start_s: float, planned_s: float) -> str:
    """The phase at a time on k6's own clock; None: the load has not begun."""
    if elapsed_s is None:
        return PHASE_SETUP
    if elapsed_s < measure_start_s:
        return PHASE_WARMUP
    return PHASE_MEASURE if elapsed_s < planned_s else PHASE_FINISH


class ProgressApi:
    """Counters of a running k6. Whatever goes wrong means "unknown": the load matters, not its display."""

    def __init__(self, port: int) -> None:
        self._port = port

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    def counts(self) -> tuple[int, int] | None:
        """Requests to the target so far, and how many had no expected answer; None: k6 does not answer."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=ASK_TIMEOUT_S)
        try:
            connection.request("GET", "/v1/metrics")
            answer = connection.getresponse()
            entries = json.loads(answer.read())["data"]
            count = {entry["id"]: entry["attributes"]["sample"].get("count", 0) for entry in entries}
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
            return None
        else:
            to_target = count.get(METRIC_HTTP_REQS, 0) - count.get(METRIC_CONTROL_REQUESTS, 0)
            return int(to_target), int(count.get(METRIC_ERRORS, 0))
        finally:
            connection.close()
