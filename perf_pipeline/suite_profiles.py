"""The ``profiles`` of a suite file: how much load, and whether it gives each endpoint enough samples."""

from __future__ import annotations

from collections.abc import Mapping

from perf_pipeline import suite_units as units
from perf_pipeline.suite import Endpoint, MinSamples, Profile, Stage
from perf_pipeline.suite_nodes import Section
from perf_pipeline.suite_quantities import RelativeRate

_KEYS = (
    "description", "warmup", "rate", "duration", "stages", "users", "pace", "max_users", "min_samples",
)  # fmt: skip
_STAGE_KEYS = ("rate", "duration")
_FORMS = {  # the keys that tell the three forms apart
    frozenset({"rate", "duration"}),
    frozenset({"stages"}),
    frozenset({"users", "duration", "pace"}),
}
_FORM_KEYS = frozenset().union(*_FORMS)
_PLACEHOLDER_RATE = 1.0


def read_profiles(top: Section, endpoints: Mapping[str, Endpoint]) -> dict[str, Profile]:
    """Profile name -> profile. What is wrong is noted with its line in ``top``; nothing is raised."""
    section = top.section(
        "profiles",
        keys=units.NAME,
        example="profiles: {standard: {warmup: 10s, rate: 5/s, duration: 100s, max_users: 50}}",
    )
    entries = dict(section.sections(keys=_KEYS))
    if not entries and section.sound and not section.absent:
        section.problem("has no profile; name at least one")
    profiles = {name: _read_profile(name, entry, entries) for name, entry in entries.items()}
    if section.sound:  # a rate may be a share of one that could not be read
        for name, entry in entries.items():
            _check_samples(entry, profiles[name], endpoints)
    return profiles


def _read_profile(name: str, entry: Section, all_entries: Mapping[str, Section]) -> Profile:
    form = _FORM_KEYS.intersection(entry.names())
    if form not in _FORMS and entry.sound:
        entry.problem(
            "says how much load in no form or in two: write either rate and duration, or stages,"
            " or users, pace and duration"
            if form != {"users", "duration"}
            else "has users without a pace, so that nothing bounds their requests; add for example 'pace: 5s'"
        )
    common = {
        "name": name,
        "description": entry.value("description", units.WORDS, ""),
        "warmup_s": entry.value("warmup", units.DURATION),
        "min_samples": _read_min_samples(entry),
    }
    if "users" in entry:
        users = entry.value("users", units.COUNT)
        if "max_users" in entry:
            entry.problem("does not go with users, of which there are always as many as stated", "max_users")
        return Profile(
            **common,
            users=users,
            users_duration_s=entry.value("duration", units.DURATION, 1.0),
            pace_s=entry.value("pace", units.PAUSE, 1.0),
            max_users=users,
        )
    return Profile(
        **common,
        stages=_read_stages(entry, all_entries),
        max_users=entry.value("max_users", units.COUNT),
    )


def _read_stages(entry: Section, all_entries: Mapping[str, Section]) -> tuple[Stage, ...]:
    if "stages" not in entry:
        stages = [entry] if {"rate", "duration"} <= set(entry.names()) else []
    else:
        stages = entry.list_of_sections("stages", keys=_STAGE_KEYS)
        if not stages and entry.sound:
            entry.problem("has no stage; add for example '{rate: 5/s, duration: 60s}'", "stages")
    return tuple(
        Stage(duration_s=stage.value("duration", units.DURATION), rate_per_s=_read_rate(stage, all_entries))
        for stage in stages
    )


def _read_rate(stage: Section, all_entries: Mapping[str, Section]) -> float:
    wanted = stage.value("rate", units.PROFILE_RATE)
    if not isinstance(wanted, RelativeRate):
        return wanted
    if wanted.profile not in all_entries:
        hint = units.did_you_mean(wanted.profile, list(all_entries))
        stage.problem(f"there is no profile '{wanted.profile}'{hint}", "rate")
        return _PLACEHOLDER_RATE
    base = all_entries[wanted.profile]
    base_rate = base.value("rate", units.PROFILE_RATE, None) if base.sound else _PLACEHOLDER_RATE
    if not isinstance(base_rate, float):
        stage.problem(
            f"profile '{wanted.profile}' has no rate of its own to take a share of; name one that has",
            "rate",
        )
        return _PLACEHOLDER_RATE
    return round(base_rate * wanted.ratio, 6)


def _read_min_samples(entry: Section) -> MinSamples:
    section = entry.section("min_samples", keys=("p50", "p95"))
    default = MinSamples()
    return MinSamples(
        p50=section.value("p50", units.COUNT, default.p50), p95=section.value("p95", units.COUNT, default.p95)
    )


def _check_samples(entry: Section, profile: Profile, endpoints: Mapping[str, Endpoint]) -> None:
    iterations = profile.planned_iterations or int(profile.duration_s * (profile.peak_rate_per_s or 0))
    needed = max(profile.min_samples.p50, profile.min_samples.p95)
    planned = {name: endpoint.calls_in(iterations) for name, endpoint in endpoints.items()}
    # A weight that could not be read, or is 0, has been said already.
    short = [name for name, count in planned.items() if count < needed and endpoints[name].weight > 0]
    if short:
        fewest = min(short, key=lambda name: planned[name])
        entry.problem(
            f"plans {planned[fewest]} requests of {fewest}, fewer than the {needed} that its min_samples ask"
            " for: make it longer, raise the rate or lower min_samples"
        )
