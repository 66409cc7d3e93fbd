"""What was asked for, held against the suite: the sentences for what it has not. Imports no Dagster."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from perf_pipeline.conventions import SUITE_FILE, SUITE_JSON
from perf_pipeline.core.model import RunRequest
from perf_pipeline.load.errors import CapExceededError
from perf_pipeline.load.limits import check_caps
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.suite import Suite


class ConfigurationError(Exception):
    """What was asked for does not exist; nothing was started. The text is one sentence."""


def check_request(suite: Suite, request: RunRequest) -> None:
    """Raises ConfigurationError for a target or profile that the suite has not, a load beyond the target's
    limits, and an outdated plan.
    """
    check_known(suite, target=request.target, profile=request.profile)
    plan = suite.folder / SUITE_JSON
    if not plan.is_file() or plan.read_text() != suite_json(suite):
        raise ConfigurationError(
            f"{plan}, which k6 reads, does not agree with {SUITE_FILE} beside it: "
            "run `perf-pipeline generate`"
        )
    try:
        check_caps(suite, suite.targets[request.target], suite.profiles[request.profile])
    except CapExceededError as error:
        raise ConfigurationError(str(error)) from None


def check_known(suite: Suite, *, target: str | None, profile: str | None) -> None:
    """None: not asked for. Raises ConfigurationError for a target or profile that the suite has not."""
    for kind, name, known in (("target", target, suite.targets), ("profile", profile, suite.profiles)):
        if name is not None and name not in known:
            raise ConfigurationError(_unknown(f"suite {suite.name} has no {kind}", name, known))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    advice = f"did you mean '{close[0]}'?" if close else "choose one of these"
    return f"{what} '{name}' (there is {', '.join(names)}): {advice}"
