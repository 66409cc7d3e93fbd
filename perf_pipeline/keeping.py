"""What a run puts into its folder for later readers, besides what it measures: see docs/run-folder.md.

Whatever cannot be kept is a line in ``missing.json`` and changes nothing else of the run.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from perf_pipeline.conventions import MISSING, SUITE_COPY, VERSIONS
from perf_pipeline.files import write_whole
from perf_pipeline.load.script import LIBRARY, files_of
from perf_pipeline.suite import Suite

MOST_BYTES = 64 * 1024 * 1024  # of a suite: fixtures beyond are no part of every run's folder
_PACKAGES = ("perf-pipeline", "dagster", "polars", "numpy", "scipy")

Log = Callable[[str], object]


class NotKept(Exception):  # noqa: N818 - no error: the run goes on
    """The text is a clause that says why something is not in the run's folder."""


class Missing:
    """``missing.json`` of one run: name -> why it is not there. Raises nothing."""

    def __init__(self, run_folder: Path, log: Log) -> None:
        self._file = run_folder / MISSING
        self._log = log

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """What goes wrong within is the reason for which ``name`` is missing, and nothing more."""
        try:
            yield
        except NotKept as reason:
            self._note(name, str(reason))
        except Exception as error:  # whatever it is: the outcome of the run matters more
            self._note(name, f"it could not be kept ({type(error).__name__}: {error})")
        else:
            self._note(name, None)

    def _note(self, name: str, reason: str | None) -> None:
        if reason is not None:
            self._log(f"{name} is missing from the run's folder: {reason}")
        try:
            known = read_missing(self._file.parent) | {name: reason}
            entries = [{"name": one, "reason": why} for one, why in known.items() if why is not None]
            write_whole(self._file, json.dumps(entries, indent=1) + "\n")
        except OSError as error:
            self._log(f"{MISSING} could not be written: {error}")


def read_missing(run_folder: Path) -> dict[str, str | None]:
    """Name -> reason; empty when nothing is missing, or nothing is said. Raises OSError."""
    try:
        entries = json.loads((run_folder / MISSING).read_text(encoding="utf-8"))
        return {str(one["name"]): str(one["reason"]) for one in entries}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, LookupError):
        return {MISSING: "it could not be read"}


def keep_suite(suite: Suite, run_folder: Path) -> Path:
    """Copy the suite as it is now, with the library that it shares: a folder that can be run again.

    Raises NotKept or OSError; the copy is there as a whole or not at all.
    """
    k6 = suite.folder.parent
    files = [*files_of(suite.folder), *files_of(k6 / LIBRARY)]
    size = sum(file.stat().st_size for file in files)
    if size > MOST_BYTES:
        raise NotKept(f"it has {size // 1024**2} MB, more than the {MOST_BYTES // 1024**2} MB that are kept")
    place, new = run_folder / SUITE_COPY, run_folder / f".{SUITE_COPY}-new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        for file in files:
            copy = new / "k6" / file.relative_to(k6)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return place


def keep_versions(run_folder: Path, *, k6: str, prometheus: str) -> Path:
    """Write with what the run was made. Raises OSError."""
    versions = {name.replace("-", "_"): _version(name) for name in _PACKAGES}
    versions |= {"k6": k6, "prometheus": prometheus, "python": platform.python_version()}
    versions["operating_system"] = platform.platform()
    return write_whole(run_folder / VERSIONS, json.dumps(versions, indent=1, sort_keys=True) + "\n")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # runs without an installation, too
        return "unknown"
