"""Real small parts for tests of the load: a target that misbehaves, a remote-write sink, a suite."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from perf_pipeline.core.model import RunRequest, StackState
from perf_pipeline.suite import Endpoint, Objectives, Profile, Stage, Suite, Target

K6_LIBRARY = Path(__file__).parents[2] / "k6" / "lib"

# Answers every GET after a delay. From ``stall_at`` s after the first request on, nobody is answered for
# ``stall_for`` s.
_TARGET = """
import asyncio, sys, time
status, delay, stall_at, stall_for = sys.argv[1], *map(float, sys.argv[2:5])
first = None
async def serve(reader, writer):
    global first
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            first = first or time.monotonic()
            await asyncio.sleep(delay)
            since = time.monotonic() - first
            if stall_at <= since < stall_at + stall_for:
                await asyncio.sleep(stall_at + stall_for - since)
            line = "200 OK" if b"/health" in head else status
            writer.write(f"HTTP/1.1 {line}\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}".encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

_SCRIPT = """
import http from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';
const latency = new Trend('page_latency', true);
const errors = new Counter('api_errors');
const errorDuration = new Trend('api_error_duration', true);
const failed = new Rate('request_failed');
export const options = OPTIONS;
export function setup() {
  const answer = http.get(`${__ENV.BASE_URL}/health`, { tags: { endpoint: 'health', name: 'health' } });
  if (answer.status !== HEALTHY) throw new Error(`target not healthy: GET /health answered ${answer.status}`);
}
function call(url) {
  const tags = { endpoint: 'page', name: 'page' };
  const answer = http.get(url, { tags, timeout: '10s' });
  const ok = answer.status === 200;
  failed.add(!ok, tags);
  if (ok) latency.add(answer.timings.duration, tags);
  else { errors.add(1, tags); errorDuration.add(answer.timings.duration, tags); }
}
export default function () { call(URL); }
"""


class TinyTarget:
    """A target in a process of its own."""

    def __init__(
        self, *, status: str = "200 OK", delay: float = 0.005, stall_at: float = 1e9, stall_for: float = 0.0
    ) -> None:
        arguments = [status, str(delay), str(stall_at), str(stall_for)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TARGET, *arguments], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)

    def __enter__(self) -> TinyTarget:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Sink:
    """Takes remote write and counts what it took; also counts whatever else comes to its port."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.writes = 0
        self.others = 0


@contextmanager
def remote_write_sink() -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            sink.writes += 1
            self._answer(204)

        def do_GET(self) -> None:
            sink.others += 1
            self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    sink = Sink(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()


def tiny_suite(
    folder: Path,
    *,
    rate: float = 20,
    seconds: float = 3,
    max_users: int = 5,
    breaker: bool = False,
    breaker_delay: str = "3s",
    url: str = "`${__ENV.BASE_URL}/page`",
    healthy: int = 200,
    scripted_rate: float | None = None,
    pace: float | None = None,
) -> Suite:
    """One endpoint ``page``, one profile ``short``; the script asks for ``scripted_rate`` if given.

    ``pace``: in seconds; ``max_users`` users are measured instead of a rate.
    """

    def arrivals(rate: float, duration: float, start: float, phase: str) -> dict[str, Any]:
        return {
            "executor": "constant-arrival-rate",
            "rate": rate,
            "duration": f"{duration}s",
            "startTime": f"{start}s",
            "preAllocatedVUs": max_users,
            "maxVUs": max_users,
            "tags": {"phase": phase},
            "gracefulStop": "1s",
        }

    users: dict[str, Any] = {
        "executor": "constant-vus",
        "vus": max_users,
        "duration": f"{seconds}s",
        "startTime": "2s",
        "tags": {"phase": "measure"},
        "gracefulStop": "5s",
    }
    options: dict[str, Any] = {
        "scenarios": {
            "warmup": arrivals(5, 1, 0, "warmup"),
            "measure": users if pace else arrivals(scripted_rate or rate, seconds, 2, "measure"),
        },
        "maxRedirects": 0,
    }
    if breaker:
        crossed = {"threshold": "rate<=0.5", "abortOnFail": True, "delayAbortEval": breaker_delay}
        options["thresholds"] = {"request_failed": [crossed]}
    home = folder / "k6" / "tiny"
    home.mkdir(parents=True, exist_ok=True)
    script = _SCRIPT.replace("OPTIONS", json.dumps(options)).replace("HEALTHY", str(healthy))
    call = f"call({url})"
    if pace:
        plan = json.dumps({"profile": {"pace_s": pace, "max_users": max_users}})
        script = f"import {{ paced }} from {json.dumps(str(K6_LIBRARY / 'client.js'))};\n{script}"
        call = f"paced({plan}, () => {call})"
    (home / "scenario.js").write_text(script.replace("call(URL)", call))
    return Suite(
        name="tiny",
        description="One page",
        folder=home,
        script="scenario.js",
        endpoints={
            "page": Endpoint(
                name="page",
                method="GET",
                path="/page",
                weight=1,
                metric="page_latency",
                record="page",
                slo=Objectives(p95_ms=300, error_ratio=0.01),
            )
        },
        profiles={
            "short": Profile(
                name="short",
                warmup_s=2,
                stages=() if pace else (Stage(duration_s=seconds, rate_per_s=rate),),
                users=max_users if pace else None,
                users_duration_s=seconds if pace else None,
                pace_s=pace,
                max_users=max_users,
            )
        },
        targets={
            "local": Target(
                name="local",
                base_url=None,
                health_path="/health",
                max_requests_per_s=100,
                max_users=50,
                max_duration_s=60,
            )
        },
        allowed_origins=(),
    )


def ready_stack(folder: Path, *, target_url: str, prometheus_url: str) -> StackState:
    return StackState(
        run_id="run-1",
        request=RunRequest(suite="tiny", target="local", profile="short"),
        run_folder=str(folder / "runs" / "run-1"),
        base_url=target_url,
        revision="r1",
        data_volume="unknown",
        stack="embedded",
        host_class="linux-x86_64-2cpu",
        prometheus_url=prometheus_url,
        prometheus_version="2.42.0",
        clock_skew_s=0.0,
        target_pid=None,
        target_clock_skew_s=0.0,
        ready_at=datetime.now(UTC),
        setup_s=0.1,
    )
