"""Would a benchmark start now?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from stack_parts import NOBODY, TOOLS, answering, reply, suite_for

from perf_pipeline.stack.doctor import Check, run_checks
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.stack.tools import find_or_install_prometheus
from perf_pipeline.suite import Suite


@pytest.fixture(scope="module", autouse=True)
def prometheus_is_installed() -> None:
    find_or_install_prometheus(TOOLS)


def examine(home: Path, suite: Suite | None = None, target: str = "there", **kind: Any) -> dict[str, Check]:
    checks = run_checks(suite or suite_for(None), target, home=home, tools=TOOLS, **kind)
    return {check.name: check for check in checks}


class TestTheDoctor:
    def test_finds_everything_in_order_on_a_machine_that_is_set_up(self, tmp_path: Path) -> None:
        checks = examine(tmp_path / "home")

        assert list(checks) == ["k6", "prometheus", "target", "control", "clock", "ports", "disk", "machine"]
        assert [check for check in checks.values() if not check.ok] == []
        assert "Prometheus 2." in checks["prometheus"].sentence
        assert not (tmp_path / "home").exists()

    def test_names_the_targets_there_are(self, tmp_path: Path) -> None:
        check = examine(tmp_path, target="their")["target"]
        assert not check.ok
        assert check.advice == "choose one of: there"

    def test_says_what_is_wrong_with_a_target_and_how_a_run_would_end(self, tmp_path: Path) -> None:
        with answering(lambda: reply({}, status=503)) as url:
            check = examine(tmp_path, suite_for(url))["target"]
        assert not check.ok
        assert "answers 503 instead of 200" in check.sentence
        assert check.advice == "a run would end as not_ready (target_unhealthy)"

    def test_says_what_a_run_would_have_as_its_control(self, tmp_path: Path) -> None:
        with answering(lambda: reply({})) as url:
            checks = {
                control: examine(tmp_path, suite_for(url, control=control))["control"]
                for control in (False, True, url)
            }
        assert [check.ok for check in checks.values()] == [True] * 3
        assert [check.sentence for check in checks.values()] == [
            "none is loaded: a slow machine cannot be told from a slow service",
            "started beside the generator by each run",
            f"the control at {url} answers something else than the control of this version: "
            "start that one there",
        ]
        assert checks[url].advice == "a run goes on without a control, with a warning"

    def test_warns_of_a_clock_that_would_make_runs_invalid(self, tmp_path: Path) -> None:
        with answering(lambda: reply({}, Date="Wed, 01 Jan 2020 00:00:00 GMT")) as url:
            check = examine(tmp_path, suite_for(url))["clock"]
        assert not check.ok
        assert "set the clock by NTP" in check.advice

    def test_ends_in_under_three_seconds_when_a_target_keeps_it_waiting(self, tmp_path: Path) -> None:
        def slow() -> tuple[int, dict[str, str], bytes]:
            time.sleep(4)
            return reply({})

        started = time.monotonic()
        with answering(slow) as url:
            checks = examine(tmp_path, suite_for(url))
            took = time.monotonic() - started
        assert took < 3
        assert checks["target"].sentence == "gave no answer within 2 s"
        assert checks["k6"].ok

    def test_makes_the_checks_of_its_caller_within_the_same_deadline(self, tmp_path: Path) -> None:
        def stuck() -> Check:
            time.sleep(4)
            return Check("store", True, "too late")

        started = time.monotonic()
        checks = examine(
            tmp_path, target="their", more={"store": stuck, "other": lambda: Check("other", True, "")}
        )
        assert time.monotonic() - started < 3
        assert list(checks) == ["target", "store", "other"]
        assert checks["store"].sentence == "gave no answer within 2 s"
        assert checks["other"].ok

    def test_sees_that_results_cannot_be_kept_in_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "home").touch()
        check = examine(tmp_path / "home")["disk"]
        assert (check.ok, check.advice) == (False, "set PERF_PIPELINE_HOME to a folder of yours")

    def test_asks_nothing_of_a_target_that_is_not_allowed(self, tmp_path: Path) -> None:
        asked: list[int] = []
        with answering(lambda: asked.append(1) or reply({})) as url:  # type: ignore[func-returns-value]
            suite = suite_for(url).model_copy(update={"allowed_origins": ()})
            check = examine(tmp_path, suite)["target"]
        assert "allow-list" in check.sentence
        assert asked == []

    def test_names_the_benchmark_that_is_running(self, tmp_path: Path) -> None:
        lock = HostLock()
        lock.take("run-1")
        try:
            busy = examine(tmp_path)["machine"]
        finally:
            lock.release()
        assert not busy.ok
        assert "run run-1" in busy.sentence
        assert examine(tmp_path)["machine"].ok

    def test_says_that_an_external_prometheus_is_not_there(self, tmp_path: Path) -> None:
        checks = examine(tmp_path, stack_kind="external", prometheus_url=NOBODY)
        assert not checks["prometheus"].ok
        assert NOBODY in checks["prometheus"].sentence
        assert not checks["target"].ok
        assert checks["ports"].ok
