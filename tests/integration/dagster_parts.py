"""A project of its own for tests of the Dagster layer: the multiplayer suite with a six-second profile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from perf_pipeline import conventions as names
from perf_pipeline.core.model import RunRequest
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.suite_file import load_suite

SOURCE = Path(__file__).resolve().parents[2]
SUITE = "tiny"
PROFILE = "tiny"

_TINY = """
  tiny:
    warmup: 1s
    rate: 8/s
    duration: 5s
    max_users: 30
    min_samples: {p50: 10, p95: 20}
"""


def make_project(root: Path) -> Path:
    """``k6/tiny`` in ``root``; tools are shared with the real project, so that nothing is installed twice."""
    shutil.copytree(SOURCE / "k6" / "lib", root / "k6" / "lib")
    folder = shutil.copytree(SOURCE / "k6" / "multiplayer", root / "k6" / SUITE)
    text = (folder / names.SUITE_FILE).read_text()
    (folder / names.SUITE_FILE).write_text(text.replace("\nprofiles:\n", f"\nprofiles:{_TINY}", 1))
    (folder / names.SUITE_JSON).write_text(suite_json(load_suite(folder)))
    return root


def environment(root: Path, **more: str) -> dict[str, str]:
    """Variables that make a process work on the project in ``root`` and on nothing of the developer's."""
    return {
        names.ENV_ROOT: str(root),
        names.ENV_HOME: str(root / "home"),
        names.ENV_TOOLS: os.environ.get(names.ENV_TOOLS, str(SOURCE / ".tools")),
        names.ENV_STORE_URL: f"sqlite:///{root / 'home' / names.STORE_FILE}",
        "DAGSTER_HOME": str(root / "home" / "dagster"),
        **more,
    }


def request(**overrides: str) -> RunRequest:
    good = {"suite": SUITE, "profile": PROFILE, "launched_by": "tests"}
    return RunRequest(**(good | overrides))


_RUN = """
import sys
from pathlib import Path
from perf_pipeline.core.model import RunRequest
from perf_pipeline.defs.launch import run_benchmark
request = RunRequest.model_validate_json(sys.argv[1])
show = lambda progress: print("progress", progress.phase, progress.requests, flush=True)
result = run_benchmark(request.suite, request, home=Path(sys.argv[2]), on_progress=show)
print("result", result.run_id, result.status.value, result.sentence, flush=True)
"""


def start_run(root: Path, wanted: RunRequest | None = None, **more: str) -> subprocess.Popen[str]:
    """A benchmark in a process of its own, as the command line would run it."""
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, (wanted or request()).model_dump_json(), str(root / "home")],
        cwd=SOURCE,
        env=os.environ | environment(root, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children_left(root: Path) -> list[str]:
    """Command lines of processes that work on the project in ``root``."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(root) in line and process.pid != os.getpid():
            found.append(line)
    return found
