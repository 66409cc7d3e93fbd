"""The ``targets`` of a suite file: where load may go, how much of it, and when it comes by itself."""

from __future__ import annotations

from collections.abc import Mapping

from perf_pipeline import suite_units as units
from perf_pipeline.origins import is_loopback
from perf_pipeline.suite import REFERENCE_BACKEND, Profile, Target
from perf_pipeline.suite_automation import read_deploys, read_place, read_schedules
from perf_pipeline.suite_nodes import Section

_KEYS = (
    "start", "base_url", "health", "revision", "data_volume", "headers_from_env", "limits", "schedules",
    "deploys", "control",
)  # fmt: skip
_LIMIT_KEYS = ("requests", "users", "duration")
_START = units.Kind(units.one_of(REFERENCE_BACKEND), REFERENCE_BACKEND)


def read_targets(
    top: Section, origins: tuple[str, ...], profiles: Mapping[str, Profile]
) -> dict[str, Target]:
    section = top.section(
        "targets", keys=units.NAME, example=f"targets: {{local: {{start: {REFERENCE_BACKEND}}}}}"
    )
    targets = {
        name: _read_target(name, entry, origins, profiles) for name, entry in section.sections(keys=_KEYS)
    }
    if not targets and section.sound and not section.absent:
        section.problem("has no target; name at least one")
    return targets


def _read_target(
    name: str, entry: Section, origins: tuple[str, ...], profiles: Mapping[str, Profile]
) -> Target:
    entry.value("start", _START, None)
    base_url = entry.value("base_url", units.ORIGIN, None)
    if ("start" in entry) == ("base_url" in entry) and entry.sound:
        entry.problem(f"needs either 'start: {REFERENCE_BACKEND}' or a base_url, and not both")
    if base_url is not None and entry.sound and base_url not in origins:
        entry.problem(f"{base_url} is not in allowed_origins; add it there if load may go to it", "base_url")
    control = entry.value("control", units.CONTROL, base_url is None or is_loopback(base_url))
    if isinstance(control, str) and entry.sound and control not in origins:
        entry.problem(f"{control} is not in allowed_origins; add it there if load may go to it", "control")
    limits = entry.section(
        "limits", keys=_LIMIT_KEYS, example="limits: {requests: 50/s, users: 50, duration: 10m}"
    )
    headers = entry.section("headers_from_env", keys=units.HEADER)
    revision = read_place(entry, "revision")
    return Target(
        name=name,
        base_url=base_url,
        health_path=entry.value("health", units.PATH),
        revision=revision,
        data_volume=read_place(entry, "data_volume"),
        headers_from_env={
            header: headers.value(header, units.ENVIRONMENT_VARIABLE) for header in headers.names()
        },
        max_requests_per_s=limits.value("requests", units.RATE),
        max_users=limits.value("users", units.COUNT),
        max_duration_s=limits.value("duration", units.DURATION),
        schedules=read_schedules(name, entry, profiles),
        deploys=read_deploys(name, entry, profiles, revision),
        control=control,
    )
