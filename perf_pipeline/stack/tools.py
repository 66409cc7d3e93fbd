"""Prometheus' binary: found where it is, or Debian's package unpacked into the project without root.

``apt-get`` works on state of its own in a scratch folder, so neither the system's package database nor its
lists nor its caches are read, locked or changed; only its sources and proxy settings are used.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ENV_PROMETHEUS = "PERF_PIPELINE_PROMETHEUS"

OLDEST_PROMETHEUS = (2, 40, 0)  # the first with native histograms
ADVICE = "install Prometheus >= 2.40 on PATH or name a running one with --prometheus URL"

VERSION_TIMEOUT_S = 10.0
UPDATE_TIMEOUT_S = 120.0
DOWNLOAD_TIMEOUT_S = 180.0
UNPACK_TIMEOUT_S = 60.0
LOCK_TIMEOUT_S = UPDATE_TIMEOUT_S + DOWNLOAD_TIMEOUT_S + UNPACK_TIMEOUT_S  # another session installs just now
LOCK_POLL_S = 0.2

Version = tuple[int, int, int]

_APT_CONFIGURATION = """\
Dir::State "{scratch}/state";
Dir::State::Lists "{scratch}/state/lists";
Dir::State::status "{scratch}/status";
Dir::Cache "{scratch}/cache";
Debug::NoLocking "true";
APT::Sandbox::User "{user}";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::Retries "2";
Acquire::Languages "none";
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""  # the hooks would refresh the system's own caches


class ToolError(Exception):
    """Prometheus can be neither found nor installed; the text is one sentence with advice."""


def find_or_install_prometheus(tools: Path) -> Path:
    """Path of a Prometheus that is new enough; installs Debian's package into ``tools`` when there is none.

    Takes about 4 s and 20 MB of network the first time, 0.1 s afterwards. Safe against a second session doing
    the same, and against being killed half way. Raises ToolError.
    """
    found = find_prometheus(tools)
    if found is not None:
        return found
    if not can_install():
        raise ToolError(f"no prometheus on PATH and this is not a Debian system: {ADVICE}")
    tools.mkdir(parents=True, exist_ok=True)
    with _locked(tools / "prometheus.lock"):
        found = find_prometheus(tools)  # the other session may have done it while we waited
        return found if found is not None else _install(tools)


def find_prometheus(tools: Path) -> Path | None:
    """The first Prometheus that is new enough: named by the environment, on PATH, installed by us before.

    Raises ToolError when the one that the environment names is not usable: that was meant.
    """
    named = os.environ.get(ENV_PROMETHEUS)
    if named:
        version = prometheus_version(Path(named))
        if version is None or version < OLDEST_PROMETHEUS:
            raise ToolError(f"{ENV_PROMETHEUS} names {named}, which is {_state(version)}: {ADVICE}")
        return Path(named)
    on_path = shutil.which("prometheus")
    for candidate in [Path(on_path)] if on_path else []:
        if (prometheus_version(candidate) or (0, 0, 0)) >= OLDEST_PROMETHEUS:
            return candidate
    ours = _installed(tools)
    if ours.exists() and (prometheus_version(ours) or (0, 0, 0)) >= OLDEST_PROMETHEUS:
        return ours
    return None


def find_promtool(tools: Path) -> Path | None:
    """promtool beside the Prometheus that is used, else on PATH; None when there is none."""
    prometheus = find_prometheus(tools)
    beside = prometheus.with_name("promtool") if prometheus else None
    if beside is not None and beside.exists():
        return beside
    on_path = shutil.which("promtool")
    return Path(on_path) if on_path else None


def can_install() -> bool:
    """Whether this system has what unpacking Debian's package takes."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


def prometheus_version(binary: Path) -> Version | None:
    """What ``prometheus --version`` says; None when it cannot be run or says something else."""
    try:
        said = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # 2.x printed the version to stderr in some builds, to stdout in others.
    return parse_version(said.stdout + said.stderr)


def parse_version(text: str) -> Version | None:
    """``prometheus, version 2.42.0+ds (branch: ...)`` or a bare ``3.5.3`` -> (2, 42, 0); None without one."""
    match = re.search(r"(?:prometheus, version |^)(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _installed(tools: Path) -> Path:
    return tools.resolve() / "prometheus" / "prometheus"


def _state(version: Version | None) -> str:
    return (
        "not a Prometheus that runs" if version is None else f"version {'.'.join(map(str, version))}, too old"
    )


def _install(tools: Path) -> Path:
    """Download, unpack and check in a scratch folder, then move into place in one step."""
    for leftover in tools.glob(".install-*"):  # of a session that was killed: we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=".install-", dir=tools)).resolve()
    try:
        package = _download(scratch)
        _command(["dpkg", "-x", str(package), str(scratch / "root")], scratch, UNPACK_TIMEOUT_S)
        ready = scratch / "prometheus"
        ready.mkdir()
        for binary in ("prometheus", "promtool"):
            (scratch / "root" / "usr" / "bin" / binary).rename(ready / binary)
        version = prometheus_version(ready / "prometheus")
        if version is None or version < OLDEST_PROMETHEUS:
            raise ToolError(f"this system's prometheus package is {_state(version)}: {ADVICE}")
        place = _installed(tools).parent
        if place.exists():  # broken, or find_prometheus would have taken it
            place.rename(scratch / "replaced")
        ready.rename(place)
        return place / "prometheus"
    except OSError as error:
        raise ToolError(
            f"Debian's prometheus package could not be unpacked into {tools} ({error}): {ADVICE}"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _download(scratch: Path) -> Path:
    for folder in ("state/lists/partial", "cache/archives/partial", "download"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    configuration = scratch / "apt.conf"
    configuration.write_text(_APT_CONFIGURATION.format(scratch=scratch, user=_user()))
    apt = ["apt-get", "-q", "-c", str(configuration)]
    # A third-party source that is down or unsigned makes `update` fail, while Debian's own lists are there:
    # what counts is whether the package can be had afterwards.
    updated = _run([*apt, "update"], scratch, UPDATE_TIMEOUT_S)
    downloaded = _run([*apt, "download", "prometheus"], scratch / "download", DOWNLOAD_TIMEOUT_S)
    packages = sorted((scratch / "download").glob("prometheus_*.deb"))
    if downloaded.returncode != 0 or not packages:
        complaint = _complaint(updated.stdout) or _complaint(downloaded.stdout)
        raise ToolError(f"Debian's prometheus package could not be downloaded ({complaint}): {ADVICE}")
    return packages[0]


def _user() -> str:
    """Only as root does apt change its user, and then to one that may not write into our folder."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container started with a user id that has no name
        return ""


def _run(argv: Sequence[str], cwd: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"`{' '.join(argv[-2:])}` took more than {timeout_s:.0f} s: {ADVICE}") from error


def _command(argv: Sequence[str], cwd: Path, timeout_s: float) -> None:
    done = _run(argv, cwd, timeout_s)
    if done.returncode != 0:
        raise ToolError(f"`{argv[0]}` failed ({_complaint(done.stdout)}): {ADVICE}")


def _complaint(output: str) -> str:
    """The line of apt's output that says what is wrong: its first error, else the first warning."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for prefix in ("E:", "Err:", "W:"):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix).strip()
    return lines[-1] if lines and "Reading" not in lines[-1] else ""


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold ``path`` against other sessions; the system lets go of it when we die."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ToolError(
                        f"another session has been installing into {path.parent} for minutes: {ADVICE}"
                    ) from None
                time.sleep(LOCK_POLL_S)
        yield
