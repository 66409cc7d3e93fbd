"""What a suite does by itself: when runs are due, how deploys are seen, how long runs are kept."""

from __future__ import annotations

from collections.abc import Mapping

from perf_pipeline import suite_units as units
from perf_pipeline.core.schedule import shortest_gap_s
from perf_pipeline.suite import (
    LOCAL,
    USUAL_PROFILE,
    ArchivePolicy,
    Deploys,
    DeploySource,
    GithubPlace,
    JsonPlace,
    Profile,
    PrometheusPlace,
    Schedule,
)
from perf_pipeline.suite_nodes import Section

_PLACE_KEYS = ("path", "pointer")
_SCHEDULE_KEYS = ("cron", "timezone", "profile", "enabled")
_DEPLOY_KEYS = ("source", "profile", "settle", "enabled", "version", "prometheus", "github")
_SOURCE = units.Kind(units.one_of(*DeploySource), DeploySource.MARKER.value)
SETTLE_S = 60.0
GITHUB_API = "https://api.github.com"


def read_place(entry: Section, key: str) -> JsonPlace | None:
    if key not in entry:
        return None
    place = entry.section(key, keys=_PLACE_KEYS)
    return JsonPlace(path=place.value("path", units.PATH), pointer=place.value("pointer", units.POINTER))


def read_schedules(target: str, entry: Section, profiles: Mapping[str, Profile]) -> tuple[Schedule, ...]:
    section = entry.section("schedules", keys=units.NAME)
    return tuple(
        _read_schedule(target, name, one, profiles) for name, one in section.sections(keys=_SCHEDULE_KEYS)
    )


def _read_schedule(target: str, name: str, section: Section, profiles: Mapping[str, Profile]) -> Schedule:
    schedule = Schedule(
        name=name,
        cron=section.value("cron", units.CRON),
        timezone=section.value("timezone", units.TIMEZONE),
        profile=section.value("profile", units.NAME),
        enabled=section.value("enabled", units.SWITCH, target == LOCAL),
    )
    profile = _profile(section, schedule.profile, profiles)
    if profile is None or not section.sound:
        return schedule
    load_s, gap_s = profile.warmup_s + profile.duration_s, shortest_gap_s(schedule)
    if gap_s < load_s:
        section.problem(
            f"'{schedule.cron}' comes after {gap_s:g} s, but the load of {profile.name} alone takes"
            f" {load_s:g} s; let it come less often or name a shorter profile",
            "cron",
        )
    return schedule


def read_deploys(
    target: str, entry: Section, profiles: Mapping[str, Profile], revision: JsonPlace | None
) -> Deploys | None:
    """``revision``: where the target says what it runs; source version asks there unless told otherwise."""
    if "deploys" not in entry:
        return None
    section = entry.section("deploys", keys=_DEPLOY_KEYS)
    source = DeploySource(section.value("source", _SOURCE, DeploySource.MARKER.value))
    for other in DeploySource:
        if other is not source and other in section:
            section.problem(f"belongs to 'source: {other}', but the source is {source}", other)
    deploys = Deploys(
        source=source,
        profile=section.value("profile", units.NAME, _usual(profiles)),
        settle_s=section.value("settle", units.DURATION, SETTLE_S),
        enabled=section.value("enabled", units.SWITCH, target == LOCAL),
        version=_read_version(section, revision) if source is DeploySource.VERSION else None,
        prometheus=_read_prometheus(section) if source is DeploySource.PROMETHEUS else None,
        github=_read_github(section) if source is DeploySource.GITHUB else None,
    )
    if source is DeploySource.VERSION and "base_url" not in entry:
        section.problem("a target that is started for each run has no deploys; use the marker", "source")
    _profile(section, deploys.profile, profiles)
    return deploys


def _read_version(section: Section, revision: JsonPlace | None) -> JsonPlace | None:
    place = read_place(section, "version") or revision
    if place is None:
        section.missing("version", "version: {path: /version, pointer: /revision}")
    return place


def _read_prometheus(section: Section) -> PrometheusPlace:
    place = section.section(
        "prometheus",
        keys=("url", "query", "label"),
        example="prometheus: {url: http://127.0.0.1:9090, query: shop_build_info, label: revision}",
    )
    return PrometheusPlace(
        url=place.value("url", units.ORIGIN),
        query=place.value("query", units.QUERY),
        label=place.value("label", units.LABEL),
    )


def _read_github(section: Section) -> GithubPlace:
    place = section.section(
        "github",
        keys=("repository", "environment", "token_from_env", "api"),
        example="github: {repository: acme/shop, environment: production, token_from_env: GITHUB_TOKEN}",
    )
    return GithubPlace(
        repository=place.value("repository", units.REPOSITORY),
        environment=place.value("environment", units.QUERY),
        token_from_env=place.value("token_from_env", units.ENVIRONMENT_VARIABLE, None),
        api=place.value("api", units.ORIGIN, GITHUB_API),
    )


def read_archive(top: Section) -> ArchivePolicy:
    section = top.section("archive", keys=("keep", "runs", "tsdb"))
    default = ArchivePolicy()
    return ArchivePolicy(
        keep_s=section.value("keep", units.AGE, default.keep_s),
        runs=section.value("runs", units.COUNT, default.runs),
        tsdb=section.value("tsdb", units.SWITCH, default.tsdb),
    )


def _usual(profiles: Mapping[str, Profile]) -> str:
    return USUAL_PROFILE if USUAL_PROFILE in profiles else next(iter(profiles), USUAL_PROFILE)


def _profile(section: Section, name: str, profiles: Mapping[str, Profile]) -> Profile | None:
    if name in profiles:
        return profiles[name]
    if section.sound:
        section.problem(f"there is no profile '{name}'{units.did_you_mean(name, list(profiles))}", "profile")
    return None
