"""What a person finds in Dagster's launchpad: targets and profiles of this very suite, the usual ones set.

The launchpad completes the names and marks a wrong one before anything is launched.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, create_model

from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.naming import FIRST_STEP, step_key
from perf_pipeline.suite import Suite


def config_for(suite: Suite) -> type[BenchmarkConfig]:
    """``BenchmarkConfig`` that knows the suite's targets and profiles."""
    profiles = "; ".join(
        f"{one.name}: {one.description}" if one.description else one.name for one in suite.profiles.values()
    )
    return create_model(
        BenchmarkConfig.__name__,
        __base__=BenchmarkConfig,
        __module__=__name__,
        __doc__=f"What to run of suite {suite.name}.",
        target=_one_of(suite.targets, suite.default_target, "Where the load goes."),
        profile=_one_of(suite.profiles, suite.default_profile, f"How much load. {profiles}"),
    )


def usual_config(suite: Suite) -> dict[str, Any]:
    """What the launchpad opens with: all that a person decides, and nothing that only sensors use."""
    usual = {"target": suite.default_target, "profile": suite.default_profile, "note": ""}
    return {"ops": {step_key(suite.name, FIRST_STEP): {"config": usual}}}


def _one_of(names: dict[str, Any], usual: str, description: str) -> Any:
    # Literal: Dagster shows its members as the values that the launchpad offers.
    return (Literal[tuple(names)], Field(default=usual, description=description))
