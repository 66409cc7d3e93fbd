"""The generated rules: by promtool, and in a real Prometheus that a real k6 writes to; 2.42 and 3.5."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import prometheus35
import pytest
from stack_parts import TOOLS

from benchmarks.monitoring import worlds
from benchmarks.monitoring.questions import QUESTIONS, Situation, judge
from perf_pipeline.monitoring.alerts import alerting_rules
from perf_pipeline.monitoring.rules import recording_rules
from perf_pipeline.stack.tools import find_or_install_prometheus, find_promtool
from perf_pipeline.suite import Schedule, Suite
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "tests" / "fixtures" / "suites" / "shop"
PROMTOOL_TIMEOUT_S = 60
EVERY_S = 5  # the rules' pace here
DURING_S = 32.0  # k6's set-up and warm-up, ten requests of each endpoint, some evaluations
OVER_S = 20 + EVERY_S + 3.0  # when nothing may be said of an ended run any more

OVERDUE = """
rule_files: [rules.yml]
evaluation_interval: 10m
tests:
  - interval: 10m
    input_series:  # accepted at 0 h, not accepted at 24 h, accepted at 48 h
      - series: 'perf_run_accepted{suite="shop",target="local",profile="smoke",testid="a"}'
        values: '1'
      - series: 'perf_run_accepted{suite="shop",target="local",profile="smoke",testid="b"}'
        values: '_x144 0'
      - series: 'perf_run_accepted{suite="shop",target="local",profile="smoke",testid="c"}'
        values: '_x288 1'
    alert_rule_test:
      - {alertname: BenchmarkMissing, eval_time: 25h, exp_alerts: []}
      - alertname: BenchmarkMissing
        eval_time: 27h
        exp_alerts:
          - exp_labels: {suite: shop, target: local, profile: smoke, schedule: nightly, severity: warning}
            exp_annotations:
              summary: No accepted benchmark of shop on local by schedule nightly
              description: >-
                No run of shop on local (smoke) was accepted since schedule nightly was last due
                ('0 4 * * *' (UTC)), and for two hours.
              runbook_url: docs/runbook.md#benchmarkmissing
              dashboard_url: http://127.0.0.1:3001/d/pipeline-health
      - {alertname: BenchmarkMissing, eval_time: 49h, exp_alerts: []}
"""


def promtool(program: Path, *words: str, cwd: Path) -> str:
    """What it says; the test fails when it exits with an error."""
    done = subprocess.run(
        [program, *words], cwd=cwd, capture_output=True, text=True, timeout=PROMTOOL_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def promtool_242() -> Path:
    find_or_install_prometheus(TOOLS)
    found = find_promtool(TOOLS)
    assert found is not None
    return found


def promtool_35() -> Path:
    return prometheus35.binary().with_name("promtool")


def scheduled(suite: Suite) -> Suite:
    schedule = Schedule(name="nightly", cron="0 4 * * *", timezone="UTC", profile="smoke", enabled=True)
    targets = {
        name: each.model_copy(update={"schedules": (schedule,)}) for name, each in suite.targets.items()
    }
    return suite.model_copy(update={"targets": targets})


@pytest.mark.parametrize(
    ("program", "options"),
    [(promtool_242, []), (promtool_35, ["--lint=all", "--lint-fatal"])],
    ids=["2.42", "3.5"],
)
class TestPromtool:
    def test_finds_no_mistake_in_the_rules(
        self, program: Callable[[], Path], options: list[str], tmp_path: Path
    ) -> None:
        for suite in (load_suite(ROOT / "k6" / "multiplayer"), scheduled(load_suite(SHOP))):
            (tmp_path / f"{suite.name}.rules.yml").write_text(recording_rules(suite))
            (tmp_path / f"{suite.name}.alerts.yml").write_text(alerting_rules(suite))
        files = sorted(file.name for file in tmp_path.glob("*.yml"))
        assert promtool(program(), "check", "rules", *options, *files, cwd=tmp_path).count("SUCCESS") == 4


class TestWhatTheRulesSay:
    def test_in_each_situation(self) -> None:
        """Healthy, breach, idle, ended, failing, two runs, two targets, after a run: see the file."""
        assert "SUCCESS" in promtool(promtool_35(), "test", "rules", "shop.test.yml", cwd=SHOP)

    def test_when_a_scheduled_run_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "rules.yml").write_text(alerting_rules(scheduled(load_suite(SHOP))))
        (tmp_path / "missing.test.yml").write_text(OVERDUE)
        assert "SUCCESS" in promtool(promtool_35(), "test", "rules", "missing.test.yml", cwd=tmp_path)


def wrong_answers(pair: worlds.Pair, load: Situation, now: Situation) -> list[str]:
    return [
        f"{load}, now {now}, {version}: {question.query}: expected {answer.expected}, got {answer.got}"
        for question in QUESTIONS
        if now in question.expected
        for version in pair.urls
        for answer in [judge(question, now, version, pair)]
        if not answer.right
    ]


@pytest.mark.slow
class TestTheHandbooksQueries:
    """The short part of benchmarks/monitoring/handbook.py; RESULTS.md there has the long one."""

    def test_are_answered_rightly_while_a_load_goes_on_and_after_it(self, tmp_path: Path) -> None:
        programs = {"2.42": find_or_install_prometheus(TOOLS), "3.5": prometheus35.binary()}
        root = worlds.project(tmp_path / "project", "http://127.0.0.1:9")
        faults = {Situation.GOOD: "", Situation.FAILING: "fail=get_news:100%"}
        pairs: dict[Situation, worlds.Pair] = {}
        with ExitStack() as world, ExitStack() as loads:
            for load, fault in faults.items():
                own = tmp_path / load.name
                pairs[load] = world.enter_context(worlds.prometheus_pair(own, programs, every=f"{EVERY_S}s"))
                url, _ = world.enter_context(worlds.backend(own / "data", fault))
                loads.enter_context(worlds.k6_run(root, pairs[load], url, load.name, "evidence_short"))
            time.sleep(DURING_S)
            during = [wrong for load, pair in pairs.items() for wrong in wrong_answers(pair, load, load)]
            loads.close()
            time.sleep(OVER_S)
            good = pairs[Situation.GOOD]
            after = wrong_answers(good, Situation.GOOD, Situation.NONE)
            after += wrong_answers(pairs[Situation.FAILING], Situation.FAILING, Situation.FAILED_3)
            assert during + after == []
