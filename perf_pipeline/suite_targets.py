"""The ``targets`` of a suite file: where load may go, how much of it, and when it comes by itself."""

from __future__ import annotations

from collections.abc import Mapping

from perf_pipeline import suite_units as units
from perf_pipeline.core.schedule import shortest_gap_s
from perf_pipeline.origins import is_loopback
from perf_pipeline.suite import REFERENCE_BACKEND, JsonPlace, Profile, Schedule, Target
from perf_pipeline.suite_nodes import Section

_KEYS = (
    "start", "base_url", "health", "revision", "data_volume", "headers_from_env", "limits", "schedule",
    "control",
)  # fmt: skip
_PLACE_KEYS = ("path", "pointer")
_LIMIT_KEYS = ("requests", "users", "duration")
_SCHEDULE_KEYS = ("cron", "timezone", "profile")
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
    return Target(
        name=name,
        base_url=base_url,
        health_path=entry.value("health", units.PATH),
        revision=_read_place(entry, "revision"),
        data_volume=_read_place(entry, "data_volume"),
        headers_from_env={
            header: headers.value(header, units.ENVIRONMENT_VARIABLE) for header in headers.names()
        },
        max_requests_per_s=limits.value("requests", units.RATE),
        max_users=limits.value("users", units.COUNT),
        max_duration_s=limits.value("duration", units.DURATION),
        schedule=_read_schedule(entry, profiles),
        control=control,
    )


def _read_place(entry: Section, key: str) -> JsonPlace | None:
    if key not in entry:
        return None
    place = entry.section(key, keys=_PLACE_KEYS)
    return JsonPlace(path=place.value("path", units.PATH), pointer=place.value("pointer", units.POINTER))


def _read_schedule(entry: Section, profiles: Mapping[str, Profile]) -> Schedule | None:
    if "schedule" not in entry:
        return None
    section = entry.section("schedule", keys=_SCHEDULE_KEYS)
    schedule = Schedule(
        cron=section.value("cron", units.CRON),
        timezone=section.value("timezone", units.TIMEZONE),
        profile=section.value("profile", units.NAME),
    )
    if not section.sound:
        return schedule
    if schedule.profile not in profiles:
        hint = units.did_you_mean(schedule.profile, list(profiles))
        section.problem(f"there is no profile '{schedule.profile}'{hint}", "profile")
        return schedule
    profile = profiles[schedule.profile]
    load_s, gap_s = profile.warmup_s + profile.duration_s, shortest_gap_s(schedule)
    if gap_s < load_s:
        section.problem(
            f"'{schedule.cron}' comes after {gap_s:g} s, but the load of {profile.name} alone takes"
            f" {load_s:g} s; let it come less often or name a shorter profile",
            "cron",
        )
    return schedule
