"""Real small parts for tests of the stack: a suite without load, and a target that answers as it is told."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from perf_pipeline.conventions import ENV_TOOLS
from perf_pipeline.suite import Endpoint, JsonPlace, Objectives, Profile, Stage, Suite, Target

SOURCE = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get(ENV_TOOLS) or SOURCE / ".tools")  # shared, so that nothing is installed twice
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens

Reply = tuple[int, dict[str, str], bytes]


def reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return status, headers, json.dumps(value).encode()


@contextmanager
def answering(answer: Callable[[], Reply]) -> Iterator[str]:
    """URL of a server that gives every GET what ``answer`` returns."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer()
            if "Date" in headers:
                self.send_response_only(status)
            else:
                self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def suite_for(base_url: str | None = None, **target: Any) -> Suite:
    """A suite with one target ``there``, allowed; ``base_url`` None: the reference backend."""
    place: dict[str, Any] = {
        "name": "there",
        "base_url": base_url,
        "health_path": "/api/v1/health/",
        "revision": JsonPlace(path="/api/v1/health/", pointer="/version"),
        "max_requests_per_s": 10,
        "max_users": 5,
        "max_duration_s": 60,
    }
    objectives = Objectives(p95_ms=300, error_ratio=0.01)
    page = Endpoint(
        name="page", method="GET", path="/", weight=1, metric="page_latency", record="page", slo=objectives
    )
    stages = (Stage(duration_s=5, rate_per_s=5),)
    return Suite(
        name="small",
        description="",
        folder=Path("/nowhere/k6/small"),
        script="scenario.js",
        endpoints={"page": page},
        profiles={"standard": Profile(name="standard", warmup_s=1, stages=stages, max_users=5)},
        targets={"there": Target(**(place | target))},
        allowed_origins=(base_url,) if base_url else (),
    )
