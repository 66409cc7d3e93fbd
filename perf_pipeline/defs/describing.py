"""What Dagster's UI says of an asset beside its description: whose it is, of what kind, of which code."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from dagster import FreshnessPolicy

import perf_pipeline
from perf_pipeline.core.schedule import longest_gap_s
from perf_pipeline.defs.naming import DAGSTER_TAG_SUITE
from perf_pipeline.load.script import script_hash
from perf_pipeline.suite import Suite

# What a step is made of: packages and modules of ours, whose text is in its code version.
_CODE = {
    "monitoring_stack": ("stack", "control"),
    "load_test": ("load",),
    "prometheus_snapshot": ("prometheus",),
    "slo_report": ("core",),
    "baseline_comparison": ("core", "defs/comparing.py", "defs/series.py"),
    "run_report": ("core", "report", "defs/reporting.py"),
    "release_gate": ("defs/gate.py",),
}
_KINDS = {
    "monitoring_stack": {"prometheus"},
    "load_test": {"k6"},
    "prometheus_snapshot": {"prometheus"},
    "slo_report": {"objectives"},
    "baseline_comparison": {"statistics"},
    "run_report": {"report"},
    "release_gate": {"gate"},
}
_NO_PART_OF_A_RUN = {"folder", "owners", "archive", "targets"}  # of a suite: its runs are the same without
_LATE, _TOO_LATE = timedelta(hours=1), timedelta(hours=2)  # after a scheduled run's load should be over
_HASH_LENGTH = 8


class Described(TypedDict):
    """Arguments of ``@asset``."""

    key_prefix: str
    group_name: str
    owners: list[str]
    kinds: set[str]
    tags: dict[str, str]
    code_version: str


def described(suite: Suite, step: str) -> Described:
    """What is said of every asset of a suite in the same way."""
    return {
        "key_prefix": suite.name,
        "group_name": suite.name,
        "owners": list(suite.owners),
        "kinds": _KINDS[step],
        "tags": {DAGSTER_TAG_SUITE: suite.name},
        "code_version": code_version(suite, step),
    }


def code_version(suite: Suite, step: str) -> str:
    """``<package version>-<hash of the step's code>-<hash of what the suite asks for>``.

    The UI marks as outdated what was made by other code, or for another plan. Where runs go and when they
    start is no part of it.
    """
    return f"{version('perf-pipeline')}-{_hash_of_code(_CODE[step])}-{_hash_of_plan(suite)}"


def freshness(suite: Suite) -> FreshnessPolicy | None:
    """When the newest report of the suite is too old; None: nothing is scheduled from the start.

    By the schedule that comes most often: an asset does not know targets. (The alert BenchmarkMissing does.)
    """
    windows = [
        timedelta(seconds=longest_gap_s(schedule) + profile.warmup_s + profile.duration_s)
        for target in suite.targets.values()
        for schedule in target.schedules
        for profile in (suite.profiles[schedule.profile],)
        if schedule.enabled
    ]
    if not windows:
        return None
    window = min(windows)
    return FreshnessPolicy.time_window(fail_window=window + _TOO_LATE, warn_window=window + _LATE)


@cache
def _hash_of_code(parts: tuple[str, ...]) -> str:
    package = Path(perf_pipeline.__file__).parent
    digest = sha256()
    for part in parts:
        place = package / part
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(f"{file.relative_to(package).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:_HASH_LENGTH]


def _hash_of_plan(suite: Suite) -> str:
    plan = suite.model_dump_json(exclude=_NO_PART_OF_A_RUN)
    return sha256(f"{plan}\0{script_hash(suite)}".encode()).hexdigest()[:_HASH_LENGTH]
