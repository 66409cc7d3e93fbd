"""The load plan's part of a run's fingerprint."""

from __future__ import annotations

import json
from hashlib import sha256

from perf_pipeline.suite import Profile, Suite


def plan_hash(suite: Suite, profile: Profile) -> str:
    """Equal exactly when the same requests are sent at the same rates for the same times.

    Objectives, descriptions and metric names stay out: they change how a run is judged or shown, not what
    the target has to do. Rates are hashed as resolved: a profile written as ``70% of standard``
    changes with it.
    """
    plan = {
        "endpoints": sorted([e.name, e.method, e.path, e.weight] for e in suite.endpoints.values()),
        "warmup_s": profile.warmup_s,
        "stages": [[stage.duration_s, stage.rate_per_s] for stage in profile.stages],
        "users": [profile.users, profile.users_duration_s, profile.pace_s],
    }
    return sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:16]
