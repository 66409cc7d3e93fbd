"""A run is judged valid before it is judged good: one good run, one thing wrong at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import (
    MEASURE_STARTED,
    REQUESTS,
    counts,
    load_result,
    profile,
    samples,
    snapshot,
    stack_state,
    suite,
)

from perf_pipeline.core.model import CpuUse, EndpointCount, Reason
from perf_pipeline.core.slo import slo_report
from perf_pipeline.core.validity import judge_validity

LOST_AT = (MEASURE_STARTED + timedelta(seconds=52)).timestamp() * 1000


def judged(*, run=None, stack=None, record=None, the_profile=None, **load):
    run = samples() if run is None else run
    return judge_validity(
        suite=suite(),
        profile=the_profile or profile(),
        stack=stack or stack_state(),
        load=load_result(run, **load),
        snapshot=record or snapshot(run),
        samples=run,
    )


def names(reasons):
    return [reason.name for reason in reasons]


def found(validity):
    """(invalid, breaches, warnings) by name."""
    return names(validity.invalid_reasons), names(validity.breaches), names(validity.warnings)


def cpu(host, *, k6=0.2, target=None):
    return CpuUse(host_mean_ratio=host, host_max_ratio=1.0, k6_mean_ratio=k6, target_mean_ratio=target)


def sent(number, **failed):
    """Counts of a run in which each endpoint was sent ``number`` requests of 550 planned."""
    run = samples(n=number, failed=failed)
    return {"run": run, "counts": counts(run)}


class TestTheGoodRun:
    def test_has_nothing_to_say(self):
        assert found(judged()) == ([], [], [])


class TestTheGenerator:
    @pytest.mark.parametrize(("host", "target"), [(0.86, None), (0.95, 0.4)])
    def test_short_of_cpu_makes_the_run_invalid(self, host, target):
        validity = judged(cpu=cpu(host, target=target))
        assert found(validity) == (["generator_cpu"], [], [])
        assert f"{100 * host:.0f} % busy (limit 85 %; k6 20 %" in validity.invalid_reasons[0].sentence

    def test_on_a_machine_that_the_target_fills_is_a_warning_as_long_as_the_plan_is_kept(self):
        assert found(judged(cpu=cpu(0.95, target=0.6))) == ([], [], ["machine_busy"])

    def test_on_a_machine_that_the_target_fills_is_invalid_when_the_plan_is_not_kept(self):
        validity = judged(
            cpu=cpu(0.95, target=0.6), dropped_iterations=50, completed_iterations=500, **sent(500)
        )
        assert names(validity.invalid_reasons) == ["generator_short", "generator_cpu"]

    def test_short_of_users_while_the_target_answered_makes_the_run_invalid(self):
        validity = judged(dropped_iterations=11, completed_iterations=539, **sent(539))
        assert found(validity) == (["generator_short"], [], [])
        assert "11 of 550 planned iterations (2 %, allowed 1 %)" in validity.invalid_reasons[0].sentence

    def test_may_drop_one_per_cent(self):
        validity = judged(dropped_iterations=5, completed_iterations=545, **sent(545))
        assert found(validity) == ([], [], ["iterations_dropped"])

    def test_whose_cpu_is_unknown_is_a_warning(self):
        assert found(judged(cpu=None)) == ([], [], ["cpu_unknown"])

    @pytest.mark.parametrize("exit_code", [107, 108, 255, 137, -9, 104])
    def test_that_did_not_finish_makes_the_run_invalid(self, exit_code):
        validity = judged(exit_code=exit_code, exit_meaning="the script throws")
        assert found(validity) == (["k6_failed"], [], [])
        assert f"exit code {exit_code}, the script throws" in validity.invalid_reasons[0].sentence

    @pytest.mark.parametrize(("exit_code", "reason"), [(-9, "k6_failed"), (105, "k6_interrupted")])
    def test_that_was_ended_in_its_warm_up_makes_the_run_invalid(self, exit_code, reason):
        ended = {"exit_code": exit_code, "completed_iterations": 0, **sent(0)}
        assert found(judged(**ended)) == ([reason, "plan_not_kept", "too_few_samples"], [], [])

    def test_that_was_interrupted_makes_the_run_invalid(self):
        assert found(judged(exit_code=105)) == (["k6_interrupted"], [], [])


class TestTheAddress:
    def test_other_than_the_targets_makes_the_run_invalid_and_is_no_fault_of_the_target(self):
        run = samples(failed={"get_news": 550})
        kinds = {"get_news": {"blocked address": 550}, "get_state": {"status 500": 2}}
        validity = judged(run=run, errors_by_kind=kinds, breaker_tripped=True)
        assert names(validity.invalid_reasons) == ["address_blocked"]
        assert validity.invalid_reasons[0].sentence.startswith(
            "550 requests to another address than the target's were not let out: get_news 550;"
        )


class TestThePlan:
    def test_not_sent_without_a_dropped_iteration_makes_the_run_invalid(self):
        """Every iteration throws, and k6 exits 0."""
        validity = judged(**sent(0))
        assert names(validity.invalid_reasons) == ["plan_not_kept", "too_few_samples"]
        assert "join_room 0 of 550" in validity.invalid_reasons[0].sentence

    def test_exceeded_makes_the_run_invalid(self):
        assert found(judged(**sent(600))) == (["plan_not_kept"], [], [])

    def test_may_differ_by_an_iteration_at_the_edges(self):
        assert found(judged(completed_iterations=549, **sent(549))) == ([], [], [])


class TestTooFewSamples:
    def test_planned_makes_the_run_invalid_and_says_what_to_do(self):
        run = samples(n=120)
        load = {"counts": counts(run, planned=120), "planned_iterations": 120, "completed_iterations": 120}
        validity = judged(run=run, **load)
        assert found(validity) == (["too_few_samples"], [], [])
        assert "join_room 120 sent of 120 planned" in validity.invalid_reasons[0].sentence
        assert "lengthen profile standard" in validity.invalid_reasons[0].sentence

    def test_successful_because_the_endpoint_failed_is_no_invalidity(self):
        assert found(judged(run=samples(failed={"join_room": REQUESTS}))) == ([], [], [])


class TestTheTarget:
    def test_that_held_every_user_has_stalled_and_breached(self):
        validity = judged(
            dropped_iterations=60,
            dropped_while_target_held_users=60,
            completed_iterations=490,
            **sent(490),
        )
        assert found(validity) == ([], ["target_stalled"], [])
        assert "60 of 550 planned iterations (11 %)" in validity.breaches[0].sentence
        assert "the 60 users were waiting" in validity.breaches[0].sentence

    def test_that_still_held_users_at_the_end_has_stalled_too(self):
        validity = judged(completed_iterations=500, **sent(500))
        assert found(validity) == ([], ["target_stalled"], [])

    def test_that_held_every_user_for_a_moment_is_a_warning(self):
        validity = judged(
            dropped_iterations=3,
            dropped_while_target_held_users=3,
            completed_iterations=547,
            **sent(547),
        )
        assert found(validity) == ([], [], ["target_held_users"])

    def test_that_stalled_so_long_that_samples_are_few_has_breached(self):
        validity = judged(
            dropped_iterations=400,
            dropped_while_target_held_users=400,
            completed_iterations=150,
            **sent(150),
        )
        assert found(validity) == ([], ["target_stalled"], [])

    def test_does_not_excuse_a_generator_that_was_short_as_well(self):
        validity = judged(
            dropped_iterations=60,
            dropped_while_target_held_users=30,
            completed_iterations=490,
            **sent(490),
        )
        assert found(validity) == (["generator_short"], ["target_stalled"], [])

    def test_that_died_has_breached_with_the_time_and_what_is_missing_is_explained(self):
        validity = judged(
            target_lost_at_unix_ms=LOST_AT,
            target_reachable_after=False,
            revision_after=None,
            completed_iterations=300,
            dropped_iterations=20,
            exit_code=107,
            **sent(300, join_room=40),
        )
        assert names(validity.invalid_reasons) == []
        assert validity.breaches == [
            Reason(
                name="target_lost",
                sentence="target lost at 12:01:02 UTC, 52 s into the measured phase: "
                "from then on no request was answered",
            )
        ]

    def test_that_died_in_the_warm_up_is_timed_from_the_start_of_the_load(self):
        validity = judged(target_lost_at_unix_ms=LOST_AT, measure_started_unix_ms=0.0, **sent(0))
        assert "62 s into the load" in validity.breaches[0].sentence
        assert names(validity.invalid_reasons) == []

    def test_that_failed_until_the_circuit_breaker_opened_has_breached(self):
        failed = dict.fromkeys(samples(), 60)
        validity = judged(breaker_tripped=True, exit_code=99, completed_iterations=100, **sent(100, **failed))
        assert found(validity) == ([], ["circuit_breaker"], [])
        assert "420 of 700 requests failed (60 %)" in validity.breaches[0].sentence

    def test_that_failed_as_much_in_a_load_that_ran_to_its_end_is_for_the_error_objectives(self):
        """k6's exit code is the same; nothing is missing, and nothing that is missing is excused."""
        failed = dict.fromkeys(samples(), 300)
        run = samples(failed=failed)
        assert found(judged(run=run, breaker_tripped=False, exit_code=99)) == ([], [], [])
        short = judged(exit_code=99, dropped_iterations=50, completed_iterations=500, **sent(500, **failed))
        assert names(short.invalid_reasons) == ["generator_short"]

    def test_unreachable_after_the_load_is_a_warning(self):
        validity = judged(target_reachable_after=False, revision_after=None)
        assert found(validity) == ([], [], ["target_unreachable_after"])


class TestOneRevisionOneClock:
    def test_another_revision_after_the_load_makes_the_run_invalid(self):
        validity = judged(revision_after="rev-3")
        assert found(validity) == (["revision_changed"], [], [])
        assert "from rev-2 to rev-3" in validity.invalid_reasons[0].sentence

    def test_a_deploy_meanwhile_makes_it_invalid_where_the_target_does_not_tell(self):
        silent = {"stack": stack_state(revision=None), "revision_before": None, "revision_after": None}
        assert found(judged(**silent, deployed_meanwhile="b")) == (["revision_changed"], [], [])

    def test_a_target_without_revision_is_no_change(self):
        stack = stack_state(revision=None)
        assert found(judged(stack=stack, revision_before=None, revision_after=None)) == ([], [], [])

    @pytest.mark.parametrize("skew", [2.5, -2.5])
    def test_prometheus_on_another_clock_makes_the_run_invalid(self, skew):
        validity = judged(stack=stack_state(clock_skew_s=skew))
        assert found(validity) == (["clock_skew"], [], [])
        assert f"{skew:+.1f} s" in validity.invalid_reasons[0].sentence

    def test_the_target_on_another_clock_is_a_warning(self):
        assert found(judged(stack=stack_state(target_clock_skew_s=9.0))) == ([], [], ["target_clock_skew"])


class TestTheRecord:
    def test_lost_by_prometheus_makes_the_run_invalid_in_prometheus_words(self):
        problem = Reason(name="prometheus_lost", sentence="Prometheus stopped answering at 12:01:00 UTC")
        validity = judged(record=snapshot(complete=False, problem=problem), remote_write_errors=4)
        assert validity.invalid_reasons == [problem]

    def test_with_other_counts_in_prometheus_makes_the_run_invalid(self):
        rows = snapshot().reconciliation
        short = rows[0].model_copy(update={"prometheus_succeeded": 540, "agrees": False})
        validity = judged(record=snapshot(reconciliation=[short, *rows[1:]]))
        assert found(validity) == (["samples_lost"], [], [])
        assert "join_room 540 of 550" in validity.invalid_reasons[0].sentence

    def test_with_other_quantiles_in_prometheus_is_a_warning(self):
        rows = snapshot().reconciliation
        apart = rows[0].model_copy(update={"prometheus_p95_ms": 1.0, "agrees": False})
        assert found(judged(record=snapshot(reconciliation=[apart, *rows[1:]]))) == (
            [],
            [],
            ["quantiles_differ"],
        )

    def test_without_all_raw_samples_makes_the_run_invalid(self):
        few = samples() | {"get_news": samples(n=300)["get_news"]}
        validity = judged(run=few, record=snapshot(), counts=counts(samples()))
        assert found(validity) == (["samples_lost"], [], [])
        assert "get_news 300 of 550" in validity.invalid_reasons[0].sentence

    def test_complete_in_spite_of_write_errors_and_a_cut_log_is_a_warning(self):
        validity = judged(remote_write_errors=2, log_truncated=True)
        assert found(validity) == ([], [], ["remote_write_errors", "log_truncated"])


def test_every_finding_is_one_sentence_with_a_snake_case_name():
    """The worst run there is: everything at once."""
    validity = judged(
        stack=stack_state(clock_skew_s=9.0, target_clock_skew_s=9.0),
        record=snapshot(complete=False),
        cpu=cpu(0.99),
        exit_code=255,
        revision_after="rev-3",
        remote_write_errors=9,
        log_truncated=True,
        dropped_iterations=300,
        completed_iterations=100,
        **sent(100),
    )
    reasons = validity.invalid_reasons + validity.breaches + validity.warnings
    assert len(reasons) >= 7
    for reason in reasons:
        assert reason.name.replace("_", "").isalnum() and reason.name == reason.name.lower()
        assert "\n" not in reason.sentence and not reason.sentence.endswith(".")


def test_the_report_of_an_invalid_run_is_not_valid():
    run = samples()
    report = slo_report(
        suite=suite(),
        profile=profile(),
        stack=stack_state(clock_skew_s=9.0),
        load=load_result(run),
        snapshot=snapshot(run),
        samples=run,
    )
    assert (report.valid, names(report.invalid_reasons)) == (False, ["clock_skew"])


class TestTheControl:
    """It tells a slow machine from a slow service; without it the run is none the worse."""

    @staticmethod
    def control(*, sent=550, succeeded=550):
        return EndpointCount(planned=550, sent=sent, succeeded=succeeded, failed=sent - succeeded)

    def test_that_answered_is_nothing_to_mention(self):
        assert found(judged(control=self.control(sent=548, succeeded=500))) == ([], [], [])

    @pytest.mark.parametrize(
        ("sent", "succeeded", "why"),
        [
            (550, 120, "it answered 120 of 550 requests, see its log in the run's folder"),
            (
                0,
                0,
                "the scenario sent nothing to it; use optionsFor and paced of k6/lib,"
                " or write 'control: false' at the target",
            ),
        ],
    )
    def test_that_did_not_is_a_warning(self, sent, succeeded, why):
        validity = judged(control=self.control(sent=sent, succeeded=succeeded))
        assert found(validity) == ([], [], ["control_missing"])
        assert validity.warnings[0].sentence == (
            f"without a control a slow machine cannot be told from a slow service: {why}"
        )

    def test_that_never_came_up_is_a_warning(self):
        stack = stack_state(control_problem="the control was not ready within 20 s")
        validity = judged(stack=stack, control=self.control(sent=0, succeeded=0))
        assert names(validity.warnings) == ["control_missing"]
        assert validity.warnings[0].sentence.endswith(": the control was not ready within 20 s")
