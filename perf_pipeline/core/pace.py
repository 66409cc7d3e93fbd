"""Users instead of a rate: was their pace kept, and if not, whose doing was it?

A user starts an iteration every ``pace``, or when the last one is over, so that a target that stalls is sent
less and no iteration is ever dropped: an outage would hardly show in any figure (coordinated omission). The
iterations that were *not* done tell it. ``users x duration / pace`` are expected; of what is missing

- the *target* is the cause when the time beyond the objectives, all late answers together, makes up for it:
  requests that could not be sent because of it count like failed ones;
- the *pace* is too short when users spent most of their time waiting for answers that were in time: a fact
  about the profile, and a warning;
- else the scenario or the generator held the users, and what was measured is not what was planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perf_pipeline.conventions import K6_ENDED, KIND_TIMEOUT, REQUEST_TIMEOUT_S
from perf_pipeline.core.load_conduct import (
    UNSENT_ALLOWANCE,
    Validity,
    ended_by_target,
    strictest_error_ratio,
)
from perf_pipeline.core.model import LoadResult, Samples
from perf_pipeline.core.wording import percent
from perf_pipeline.suite import Profile, Suite

# k6 starts each iteration a little late; over thousands that makes an iteration here and there, however
# strict the objective is.
LEAST_MISSING_RATIO = 0.001
# Of what is missing, as user time: late answers first use up the pause that a user would have made, and the
# last iteration of each user is cut off somewhere. Half is far from what other causes look like.
EXPLAINS_RATIO = 0.5


@dataclass(frozen=True)
class Shortfall:
    """Iterations that were expected and not done, and what users did instead."""

    expected: int
    missing: int
    late_s: float  # beyond the objectives, all requests together
    waited_s: float  # for answers, all requests together
    user_s: float  # all users together, from the first to the last moment

    @property
    def by_late_answers(self) -> bool:
        return self.late_s >= EXPLAINS_RATIO * self.missing / self.expected * self.user_s

    @property
    def by_answers_in_time(self) -> bool:
        return not self.by_late_answers and self.waited_s >= EXPLAINS_RATIO * self.user_s


def shortfall(
    suite: Suite, profile: Profile, load: LoadResult, samples: Mapping[str, Samples]
) -> Shortfall | None:
    """None: the pace was kept, there is none, or k6 did not come to its end and that says it all."""
    if profile.users is None or not profile.pace_s or ended_by_target(load):
        return None
    user_s = profile.users * profile.duration_s
    expected = int(user_s / profile.pace_s)
    missing = expected - _done(suite, load)
    allowed = max(strictest_error_ratio(suite), LEAST_MISSING_RATIO) * expected
    if missing <= max(allowed, UNSENT_ALLOWANCE) or load.exit_code not in K6_ENDED:
        return None
    durations = {name: _seconds(one) for name, one in samples.items() if name in suite.endpoints}
    late_s = sum(
        float(np.maximum(one - suite.endpoints[name].slo.p95_ms / 1000.0, 0.0).sum())
        for name, one in durations.items()
    )
    unmeasured_s = _unmeasured_s(load, durations)
    return Shortfall(
        expected=expected,
        missing=missing,
        late_s=late_s + unmeasured_s,
        waited_s=sum(float(one.sum()) for one in durations.values()) + unmeasured_s,
        user_s=user_s,
    )


def judge_pace(profile: Profile, found: Validity, short: Shortfall | None) -> None:
    """``short``: from ``shortfall``."""
    if short is None:
        return
    done = short.expected - short.missing
    plan = f"{profile.users} users at a pace of {profile.pace_s:g} s"
    if short.by_late_answers:
        sentence = (
            f"the target stalled: {short.missing} of {short.expected} iterations of {plan} "
            f"({percent(short.missing / short.expected)}) could not be done because late answers held the "
            "users; the latency figures leave out the worst"
        )
        found.breach("target_stalled", sentence)
        return
    share = f"{done} of {short.expected} iterations of {plan}"
    waited = f"a user waited {percent(min(1.0, short.waited_s / short.user_s))} of the time for answers"
    if short.by_answers_in_time:
        sentence = (
            f"the target is slower than the pace: {share} were done; {waited}, though hardly one was late"
        )
        found.warn("target_slower_than_pace", sentence)
    else:
        sentence = f"only {share} were done, and the target does not explain it: {waited}"
        found.invalid("plan_not_kept", sentence)


def _done(suite: Suite, load: LoadResult) -> int:
    """Iterations that made all their requests, even if k6 ended them in the pause after those."""
    requests = min(
        (
            count.sent / suite.endpoints[name].weight
            for name, count in load.counts.items()
            if name in suite.endpoints and suite.endpoints[name].weight > 0
        ),
        default=0.0,
    )
    return max(load.completed_iterations, int(requests))


def _seconds(samples: Samples) -> np.ndarray:
    """Of every request, failed ones too: a user waited for them just the same."""
    return samples.duration_ms[np.isfinite(samples.duration_ms)] / 1000.0


def _unmeasured_s(load: LoadResult, durations: Mapping[str, np.ndarray]) -> float:
    """Of requests that were given up before there was a connection: k6 says 0 ms of those."""
    given_up = sum(kinds.get(KIND_TIMEOUT, 0) for kinds in load.errors_by_kind.values())
    measured = sum(int((one >= 0.9 * REQUEST_TIMEOUT_S).sum()) for one in durations.values())
    return max(0, given_up - measured) * REQUEST_TIMEOUT_S
