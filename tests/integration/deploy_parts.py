"""A project whose target is a reference backend that is restarted with new revisions, and that is watched."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from backend_parts import STOP_TIMEOUT_S, command
from dagster_parts import PROFILE, SUITE, make_project

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.ports import free_port
from perf_pipeline.suite_file import load_suite

TARGET = "own"
USUAL_URL = "http://127.0.0.1:8000"  # of that target in the multiplayer suite
UP_S = 20.0


class Deployable:
    """A backend at one address, whatever revision runs there; none at first."""

    def __init__(self, data: Path) -> None:
        self._data, self.port = data, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self.port}"

    def deploy(self, revision: str) -> None:
        """As a person would: stop it, start the other one, wait until it answers."""
        self.stop()
        line = command(self._data, "--revision", revision, port=self.port)
        self._process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + UP_S
        while self.revision() != revision:
            assert time.monotonic() < deadline, f"revision {revision} does not come up"
            time.sleep(0.05)

    def revision(self) -> str | None:
        """What it says it runs; None: it does not answer."""
        try:
            return str(httpx.get(f"{self.url}/api/v1/health/", timeout=2).json()["version"])
        except (httpx.HTTPError, ValueError, KeyError):
            return None

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None


@contextmanager
def deployable(data: Path) -> Iterator[Deployable]:
    backend = Deployable(data)
    try:
        yield backend
    finally:
        backend.stop()


def watched_project(root: Path, url: str, *, settle: str, profile: str = PROFILE) -> Path:
    """The project of ``dagster_parts``, with the target ``own`` at ``url`` and its version watched."""
    folder = make_project(root) / "k6" / SUITE
    file = folder / names.SUITE_FILE
    told = "revision: {path: /api/v1/health/, pointer: /version}"
    watch = f"deploys: {{source: version, profile: {profile}, settle: {settle}, enabled: true}}"
    text = file.read_text().replace(USUAL_URL, url)
    assert "\n  own:\n" in text
    file.write_text(text.replace("\n  own:\n", f"\n  own:\n    {told}\n    {watch}\n", 1))
    (folder / names.SUITE_JSON).write_text(suite_json(load_suite(folder)))
    return root
