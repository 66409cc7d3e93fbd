"""Parts of the scenario tests: a small shop that keeps what it was asked, and k6 with its samples."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stack_parts import SOURCE

from perf_pipeline.load.probe import find_k6
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.suite_file import load_suite

SHOP = SOURCE / "tests" / "fixtures" / "suites" / "shop"
K6_TIMEOUT_S = 40


@dataclass
class Shop:
    """A target on loopback. ``answers``: first part of the path -> status, where it is not the good one."""

    answers: Mapping[str, int] = field(default_factory=dict)
    seen: list[tuple[str, str, str, str]] = field(default_factory=list)  # method, path, body, Authorization
    url: str = ""


@contextmanager
def shop(answers: Mapping[str, int] | None = None) -> Iterator[Shop]:
    state = Shop(answers or {})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            state.seen.append((self.command, self.path, body, self.headers.get("Authorization", "")))
            first = self.path.split("?")[0]
            status = state.answers.get(first, 201 if first == "/orders" else 200)
            content = b"[]" if first == "/products" else b"{}"
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass(frozen=True)
class Sample:
    metric: str
    at_ms: int
    value: float
    columns: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    exit_code: int
    said: str  # on both streams
    samples: list[Sample]

    def of(self, metric: str, phase: str = "measure") -> list[Sample]:
        return [each for each in self.samples if each.metric == metric and each.tags.get("phase") == phase]

    def count(self, metric: str, phase: str = "measure") -> dict[str, int]:
        """Endpoint -> samples of that metric."""
        return dict(Counter(each.tags["endpoint"] for each in self.of(metric, phase)))


def run_k6(script: Path, folder: Path, **environment: str) -> Run:
    """``k6 run`` as a person would type it, with raw samples into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    csv_file = folder / "samples.csv"
    done = subprocess.run(
        [str(find_k6().path), "run", "--quiet", "--address", "", "--out", f"csv={csv_file}", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=K6_TIMEOUT_S,
        check=False,
        env={
            "PATH": os.defpath,
            "HOME": str(folder),
            "K6_CSV_TIME_FORMAT": "unix_milli",
            "K6_NO_USAGE_REPORT": "true",
            "K6_AUTO_EXTENSION_RESOLUTION": "false",
            **environment,
        },
    )
    return Run(done.returncode, done.stdout, list(_samples(csv_file)) if csv_file.exists() else [])


def _samples(file: Path) -> Iterator[Sample]:
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            tags = dict(pair.split("=", 1) for pair in row["extra_tags"].split("&") if pair)
            yield Sample(row["metric_name"], int(row["timestamp"]), float(row["metric_value"]), row, tags)


def copy_of_suite(name: str, root: Path, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """``k6/lib`` and a suite under ``root``, with texts replaced: file -> old -> new. Returns its script."""
    shutil.copytree(SOURCE / "k6" / "lib", root / "k6" / "lib")
    source = SOURCE / "k6" / name if (SOURCE / "k6" / name).is_dir() else SHOP.parent / name
    folder = root / "k6" / name
    shutil.copytree(source, folder)
    for file, replacements in changes.items():
        text = (folder / file).read_text()
        for old, new in replacements.items():
            assert old in text, f"{old!r} is not in {file} of {name}"
            text = text.replace(old, new)
        (folder / file).write_text(text)
    suite = load_suite(folder)
    (folder / "suite.json").write_text(suite_json(suite))
    return folder / suite.script
