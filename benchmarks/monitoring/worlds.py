"""Small worlds for the evidence: real Prometheus of both versions, a backend with faults, real k6.

k6 writes once; a tee passes every write on to both versions, so that both hold the very same run.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from perf_pipeline.conventions import RULES_FOLDER
from perf_pipeline.load.probe import find_k6
from perf_pipeline.ports import free_port
from perf_pipeline.stack.prometheus_server import (
    CONFIG_FILE,
    CONFIG_FOLDER,
    Prometheus,
    arguments,
    render_config,
)
from perf_pipeline.stack.servers import start_server
from perf_pipeline.stack.tools import find_or_install_prometheus

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
prometheus35 = importlib.import_module("prometheus35")

CLIENT = httpx.Client(timeout=20, trust_env=False)
READY_S = 60.0
# The multiplayer suite at a rate at which seven loads fit onto two cores, and long enough for alerts.
PROFILES = """profiles:
  evidence: {warmup: 4s, rate: 1/s, duration: 110s, max_users: 20, min_samples: {p50: 10, p95: 10}}
  evidence_4m: {warmup: 4s, rate: 1/s, duration: 236s, max_users: 20, min_samples: {p50: 10, p95: 10}}
  evidence_7m: {warmup: 4s, rate: 1/s, duration: 426s, max_users: 20, min_samples: {p50: 10, p95: 10}}
  evidence_short: {warmup: 2s, rate: 3/s, duration: 70s, max_users: 40, min_samples: {p50: 10, p95: 10}}
"""


def binaries() -> dict[str, Path]:
    """Version -> Prometheus. Raises ToolError."""
    return {"2.42": find_or_install_prometheus(ROOT / ".tools"), "3.5": prometheus35.install()}


@dataclass(frozen=True)
class Pair:
    """Both versions with the committed rules, and where k6 writes to both."""

    urls: dict[str, str]
    write_url: str

    def ask(self, version: str, query: str, at: float | None = None) -> list[dict[str, Any]]:
        asked = {"query": query} | ({"time": f"{at:.3f}"} if at is not None else {})
        answer = httpx.get(
            f"{self.urls[version]}/api/v1/query", params=asked, timeout=20, trust_env=False
        ).json()
        if answer["status"] != "success":
            raise RuntimeError(f"{version}: {query}: {answer['error']}")
        return answer["data"]["result"]

    def alerts(self, version: str) -> list[dict[str, Any]]:
        answer = CLIENT.get(f"{self.urls[version]}/api/v1/alerts").json()
        return answer["data"]["alerts"]


@contextmanager
def prometheus_pair(folder: Path, programs: dict[str, Path], *, every: str = "30s") -> Iterator[Pair]:
    """``every``: pace of the rules; quicker than usual where there is no time."""
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for file in (ROOT / RULES_FOLDER).glob("*.yml"):
        text = file.read_text().replace("interval: 30s", f"interval: {every}")
        (rules / file.name).write_text(text.replace("offset 30s", f"offset {every}"))
    shared = (ROOT / CONFIG_FOLDER / CONFIG_FILE).read_text()
    urls = {}
    with ExitStack() as until:
        for version, program in programs.items():
            address = f"127.0.0.1:{free_port()}"
            home = folder / f"prometheus-{version}"
            home.mkdir(parents=True)
            config = home / CONFIG_FILE
            config.write_text(render_config(shared, folder=folder, address=address))
            server = start_server(
                arguments(program, config=config, data=home / "data", address=address),
                title=f"Prometheus {version}",
                failure="prometheus_failed",
                home=home,
                log=home / "prometheus.log",
                until=until,
            )
            urls[version] = f"http://{address}"
            server.wait_until(Prometheus(urls[version]).is_ready, READY_S)
        yield Pair(urls, until.enter_context(tee([f"{url}/api/v1/write" for url in urls.values()])))


@contextmanager
def tee(urls: Sequence[str]) -> Iterator[str]:
    """Passes on what is posted to it; answers 204 when all took it, else 502."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            passed = {
                name: value for name, value in self.headers.items() if name not in ("Host", "Content-Length")
            }
            taken = [CLIENT.post(url, content=body, headers=passed) for url in urls]
            self.send_response(204 if all(answer.is_success for answer in taken) else 502)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def backend(folder: Path, faults: str = "", port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """URL and process of a reference backend."""
    command = [sys.executable, "-m", "perf_pipeline.demo", "--port", str(port or free_port())]
    command += ["--data-dir", str(folder), *(["--faults", faults] if faults else [])]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{command[command.index('--port') + 1]}"
    try:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                if CLIENT.get(f"{url}/api/v1/health/").is_success:
                    break
            except httpx.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
            time.sleep(0.1)
        yield url, process
    finally:
        process.kill()
        process.communicate(timeout=10)


def project(folder: Path, own_url: str) -> Path:
    """A copy of the multiplayer suite with the profiles above; its target ``own`` is at ``own_url``."""
    shutil.copytree(ROOT / "k6", folder / "k6", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "k6" / "multiplayer" / "suite.yaml"
    text = file.read_text().replace("profiles:\n", PROFILES, 1).replace("http://127.0.0.1:8000", own_url)
    file.write_text(text)
    subprocess.run(
        [Path(sys.executable).with_name("perf-pipeline"), "generate"],
        env={**os.environ, "PERF_PIPELINE_ROOT": str(folder)},
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    return folder


@contextmanager
def k6_run(
    root: Path, pair: Pair, target_url: str, testid: str, profile: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A load with the tags that the pipeline gives. No threshold ends it early."""
    tags = {"testid": testid, "suite": "multiplayer", "target": "local", "profile": profile}
    argv = [str(find_k6().path), "run", "--no-usage-report", "--address", "", "--no-thresholds", "--quiet"]
    argv += ["--out", "experimental-prometheus-rw"]
    for tag, value in tags.items():
        argv += ["--tag", f"{tag}={value}"]
    for name, value in {"BASE_URL": target_url, "PERF_PROFILE": profile, "PERF_RUN_ID": testid}.items():
        argv += ["-e", f"{name}={value}"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "K6_PROMETHEUS_RW_SERVER_URL": f"{pair.write_url}/write",
        "K6_PROMETHEUS_RW_PUSH_INTERVAL": "1s",
        "K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM": "true",
    }
    log = (root / f"k6-{testid}.log").open("wb")
    process = subprocess.Popen(
        [*argv, str(root / "k6" / "multiplayer" / "scenario.js")], env=environment, stdout=log, stderr=log
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        log.close()
