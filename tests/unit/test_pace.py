"""Fixed users at a pace: 50 users, one iteration of seven requests every 5 s, for 5 minutes: 3000 iterations.

The worst that can happen is that an outage passes, because users who wait send nothing that would fail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import ENDPOINTS, counts, load_result, samples, snapshot, stack_state, suite

from perf_pipeline.conventions import REQUEST_TIMEOUT_S
from perf_pipeline.core.model import Samples
from perf_pipeline.core.validity import Validity, judge_validity
from perf_pipeline.suite import Profile

EXPECTED = 3000
PLATFORM = Profile(name="platform", warmup_s=20.0, users=50, users_duration_s=300.0, pace_s=5.0, max_users=50)


def judged(run: Mapping[str, Samples], profile: Profile = PLATFORM, **load: Any) -> Validity:
    """``run``: its samples; an iteration was completed for each request of the first endpoint."""
    done = len(run["join_room"].ok)
    users = {"planned_iterations": None, "completed_iterations": done, "max_users": 50}
    return judge_validity(
        suite=suite(),
        profile=profile,
        stack=stack_state(),
        load=load_result(run, **({"counts": counts(run, planned=None)} | users | load)),
        snapshot=snapshot(run),
        samples=run,
    )


def found(validity: Validity) -> tuple[list[str], list[str], list[str]]:
    """(invalid, breaches, warnings) by name."""
    kinds = (validity.invalid_reasons, validity.breaches, validity.warnings)
    invalid, breaches, warnings = ([reason.name for reason in kind] for kind in kinds)
    return invalid, breaches, warnings


def with_late(
    run: Mapping[str, Samples], endpoint: str, number: int, ms: float, ok: bool
) -> dict[str, Samples]:
    """The first ``number`` requests of one endpoint took ``ms``."""
    one = run[endpoint]
    duration, success = one.duration_ms.copy(), one.ok.copy()
    duration[:number], success[:number] = ms, ok
    return {**run, endpoint: Samples(one.t_ms, duration, success)}


def slow(n: int, share_of_objective: float) -> dict[str, Samples]:
    """Every request takes that share of its p95 objective."""
    run = samples(n=n)
    return {
        name: Samples(one.t_ms, np.full(n, share_of_objective * ENDPOINTS[name][2]), one.ok)
        for name, one in run.items()
    }


class TestUsersThatKeptTheirPace:
    def test_are_worth_no_word(self) -> None:
        assert found(judged(samples(n=EXPECTED))) == ([], [], [])

    def test_may_lack_what_the_strictest_error_objective_allows(self) -> None:
        assert found(judged(samples(n=EXPECTED - 30))) == ([], [], [])
        assert found(judged(samples(n=EXPECTED - 31))) != ([], [], [])

    def test_are_counted_by_their_requests_where_k6_ended_them_in_their_pause(self) -> None:
        assert found(judged(samples(n=EXPECTED), completed_iterations=EXPECTED - 50)) == ([], [], [])

    def test_are_not_asked_for_without_a_pace(self) -> None:
        free = PLATFORM.model_copy(update={"pace_s": None})
        assert found(judged(samples(n=900), free)) == ([], [], [])


class TestATargetThatStalled:
    def test_for_thirty_seconds_has_breached_though_hardly_a_request_failed(self) -> None:
        """Every user waits 30 s for one answer; p95 knows nothing of it, 1.8 % of requests are late."""
        run = with_late(samples(n=EXPECTED - 250), "get_state", 50, 30_000.0, ok=True)
        validity = judged(run)
        assert found(validity) == ([], ["target_stalled"], [])
        assert validity.breaches[0].sentence == (
            "the target stalled: 250 of 3000 iterations of 50 users at a pace of 5 s (8.3 %) could not be "
            "done because late answers held the users; the latency figures leave out the worst"
        )

    def test_so_that_requests_were_given_up_has_breached(self) -> None:
        run = with_late(samples(n=EXPECTED - 250), "join_room", 150, 10_000.0, ok=False)
        errors = {"join_room": {"timeout": 150}}
        assert found(judged(run, errors_by_kind=errors)) == ([], ["target_stalled"], [])

    def test_so_that_no_connection_was_made_has_breached_though_k6_says_0_ms(self) -> None:
        run = with_late(samples(n=EXPECTED - 250), "join_room", 150, 0.0, ok=False)
        errors = {"join_room": {"timeout": 150}}
        assert found(judged(run, errors_by_kind=errors)) == ([], ["target_stalled"], [])

    def test_so_long_that_samples_are_few_has_breached_and_that_explains_them(self) -> None:
        run = with_late(samples(n=150), "get_state", 150, 95_000.0, ok=True)
        assert found(judged(run)) == ([], ["target_stalled"], [])

    def test_or_died_is_told_by_that(self) -> None:
        lost = load_result().measure_started_unix_ms + 60_000
        assert found(judged(samples(n=600), target_lost_at_unix_ms=lost)) == ([], ["target_lost"], [])


class TestATargetSlowerThanThePace:
    def test_is_a_warning_while_its_answers_are_in_time(self) -> None:
        """2.4 s of objectives in a pace of 2 s: the load follows the target, which keeps its promise."""
        hurried = PLATFORM.model_copy(update={"pace_s": 2.0})
        validity = judged(slow(6500, 0.95), hurried)
        assert found(validity) == ([], [], ["target_slower_than_pace"])
        assert validity.warnings[0].sentence == (
            "the target is slower than the pace: 6500 of 7500 iterations of 50 users at a pace of 2 s were "
            "done; a user waited 99 % of the time for answers, though hardly one was late"
        )


class TestAnythingElseThatHeldTheUsers:
    def test_makes_the_run_invalid(self) -> None:
        """Such as a sleep in the scenario."""
        validity = judged(samples(n=EXPECTED - 500))
        assert found(validity) == (["plan_not_kept"], [], [])
        assert validity.invalid_reasons[0].sentence == (
            "only 2500 of 3000 iterations of 50 users at a pace of 5 s were done, and the target does not "
            "explain it: a user waited 3.8 % of the time for answers"
        )

    def test_is_not_said_again_of_a_k6_that_did_not_finish(self) -> None:
        assert found(judged(samples(n=1500), exit_code=137)) == (["k6_failed"], [], [])

    def test_includes_calls_that_an_iteration_left_out(self) -> None:
        run = samples(n=EXPECTED)
        validity = judged(run | {"get_news": samples(n=2000)["get_news"]})
        assert found(validity) == (["plan_not_kept"], [], [])
        assert "get_news 2000 of 3000" in validity.invalid_reasons[0].sentence


class TestTooFewSamples:
    SHORT = PLATFORM.model_copy(update={"users_duration_s": 15.0})

    def test_make_the_run_invalid(self) -> None:
        assert found(judged(samples(n=150), self.SHORT)) == (["too_few_samples"], [], [])

    @pytest.mark.parametrize("failed", [1, 150])
    def test_of_an_endpoint_that_failed_are_for_its_error_objective(self, failed: int) -> None:
        run = samples(n=250) | {"join_room": samples(n=150, failed={"join_room": failed})["join_room"]}
        validity = judged(run, self.SHORT, completed_iterations=150)
        assert found(validity) == ((["too_few_samples"] if failed == 1 else []), [], [])


def test_a_request_is_given_up_when_the_k6_library_says_so() -> None:
    client = (Path(__file__).parents[2] / "k6" / "lib" / "client.js").read_text()
    assert re.findall(r"TIMEOUT_MS = (\d+);", client) == [f"{REQUEST_TIMEOUT_S * 1000:.0f}"]
