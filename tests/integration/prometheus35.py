"""Prometheus 3.5 LTS beside the system's own version: Debian testing's packages, unpacked into ``.tools``.

As in ``perf_pipeline.stack.tools``, apt works on a state of its own and nothing is installed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from stack_parts import TOOLS

from perf_pipeline.stack.tools import ToolError, prometheus_version

SUITES = ("forky", "sid")  # Debian testing, then unstable
WANTED = (3, 5)
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
PROGRAMS = ("prometheus", "promtool")
TIMEOUT_S = 180.0

_APT_CONFIGURATION = """\
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{scratch}/sources";
Dir::State "{scratch}/state";
Dir::State::Lists "{scratch}/state/lists";
Dir::State::status "{scratch}/status";
Dir::Cache "{scratch}/cache";
Debug::NoLocking "true";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "2";
"""


def binary() -> Path:
    """Prometheus 3.5 for a test; promtool lies beside it. Without it the test is skipped, in CI it fails."""
    try:
        return install()
    except ToolError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def install(tools: Path = TOOLS) -> Path:
    """Where it is; downloads 35 MB the first time. Raises ToolError."""
    place = tools.resolve() / "prometheus-3.5" / "prometheus"
    tools.mkdir(parents=True, exist_ok=True)
    with (tools / "prometheus-3.5.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another session may be at it
        if _is_wanted(place):
            return place
        problems = []
        for suite in SUITES:
            try:
                return _install(place.parent, suite)
            except (OSError, subprocess.SubprocessError, ToolError) as error:
                problems.append(f"{suite}: {error}")
    raise ToolError("Prometheus 3.5 could not be unpacked from Debian: " + "; ".join(problems))


def _is_wanted(program: Path) -> bool:
    return program.exists() and (prometheus_version(program) or (0, 0, 0))[:2] == WANTED


def _install(place: Path, suite: str) -> Path:
    if not SOURCES.exists():
        raise ToolError(f"this system has no {SOURCES}")
    scratch = Path(tempfile.mkdtemp(prefix=".install-3.5-", dir=place.parent))
    try:
        for folder in ("sources", "state/lists/partial", "cache/archives/partial", "download", "ready"):
            (scratch / folder).mkdir(parents=True)
        (scratch / "status").touch()
        mirror = SOURCES.read_text().split("\n\n")[0]
        source = re.sub(r"(?m)^Suites:.*$", f"Suites: {suite}", mirror)
        (scratch / "sources" / "debian.sources").write_text(source + "\n")
        (scratch / "apt.conf").write_text(_APT_CONFIGURATION.format(scratch=scratch))
        apt = {**os.environ, "APT_CONFIG": str(scratch / "apt.conf"), "LC_ALL": "C"}
        download = scratch / "download"
        _run(["apt-get", "-qq", "update"], download, apt)
        _run(["apt-get", "-qq", "download", *PROGRAMS], download, apt)
        for package in download.glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(scratch / "root")], download, apt)
        for program in PROGRAMS:
            (scratch / "root" / "usr" / "bin" / program).rename(scratch / "ready" / program)
        if not _is_wanted(scratch / "ready" / "prometheus"):
            raise ToolError("its package has another version")
        shutil.rmtree(place, ignore_errors=True)
        (scratch / "ready").rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place / "prometheus"


def _run(argv: list[str], cwd: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise ToolError(f"`{' '.join(argv)}` failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
