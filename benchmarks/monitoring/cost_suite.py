"""A suite of any number of endpoints, and a server on loopback that answers all of them at once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

REQUESTS_PER_S = 50
PROFILE = "cost"
SOURCE = Path(__file__).resolve().parents[2]

_SCENARIO = """\
import { createClient, paced } from '../lib/client.js';
import { optionsFor } from '../lib/options.js';
import { readPlan } from '../lib/plan.js';

const plan = readPlan(JSON.parse(open('./suite.json')));
const { perform } = createClient(plan);

export const options = optionsFor(plan);

export function journey() {
  paced(plan, () => {
CALLS
  });
}
"""


def make_suite(root: Path, endpoints: int, base_url: str, seconds: int) -> Suite:
    """``k6/many`` in ``root``, with everything that is generated from it; the request rate is a constant."""
    shutil.copytree(SOURCE / "k6" / "lib", root / "k6" / "lib")
    folder = root / "k6" / "many"
    folder.mkdir(parents=True)
    names = [f"endpoint_{number}" for number in range(endpoints)]
    lines = ["endpoints:"]
    for name in names:
        lines += [f"  {name}: {{method: GET, path: /{name}, weight: 1, slo: {{p95: 300ms, errors: 1%}}}}"]
    lines += [
        "profiles:",
        f"  {PROFILE}:",
        "    warmup: 4s",
        f"    rate: {60 * REQUESTS_PER_S / endpoints:.6g}/min",
        f"    duration: {seconds}s",
        "    max_users: 20",
        "    min_samples: {p50: 1, p95: 1}",
        "targets:",
        f"  local: {{base_url: {base_url}, health: /, limits: {{requests: 90/s, users: 20, duration: 10m}}}}",
        f"allowed_origins: ['{base_url}']",
    ]
    (folder / "suite.yaml").write_text("\n".join(lines) + "\n")
    calls = "\n".join(f"    perform('{name}', () => ({{}}));" for name in names)
    (folder / "scenario.js").write_text(_SCENARIO.replace("CALLS", calls))
    suite = load_suite(folder)
    for path, text in generated_files(suite).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return suite


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering() -> Iterator[str]:
    """URL of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
