"""The command line as a person meets it: the real command, real runs, and what it ends with."""

from __future__ import annotations

import signal
from pathlib import Path

import cli_parts
import dagster_parts as parts
import pytest
from cli_parts import COMMAND, Project, Said, said
from postgres import missing

from perf_pipeline import conventions as names
from perf_pipeline.core.model import Outcome

pytestmark = pytest.mark.slow

RUN = ("run", parts.SUITE, "--profile", parts.PROFILE)
TRIES = 4


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return cli_parts.make_project(tmp_path_factory.mktemp("project"))


def on_a_quiet_machine(project: Project, *arguments: str, **environment: str) -> Said:
    """A run that what else runs here has spoilt says nothing of the command line: once more."""
    for _ in range(TRIES):
        answer = project.call(*arguments, **environment)
        invalid = answer.out.startswith("INVALID") or '"outcome": "invalid"' in answer.out
        if not (invalid and "the generator" in answer.out):
            return answer
    missing("this machine is too busy for a run of four seconds")
    return answer


def loads(project: Project) -> set[Path]:
    """Files of raw samples: k6 is at work as soon as its own is there."""
    return set((project.home / "runs").glob(f"*/{names.RAW_SAMPLES}"))


class TestARun:
    """One after the other in one project, which has no baseline when a run begins."""

    def test_that_finds_nothing_wrong_ends_with_0_and_shows_every_endpoint(self, project: Project) -> None:
        answer = on_a_quiet_machine(project, *RUN, "--note", "first")
        assert answer.code == 0, answer.out
        assert answer.err == "tiny on local, profile tiny\n"
        lines = answer.out.splitlines()
        assert lines[0].startswith("PASSED  7 endpoints met their SLOs")
        assert sum(line.endswith("met") for line in lines) == 7
        assert max(map(len, lines[: lines.index("")])) <= 100
        assert f"{COMMAND} run tiny --target local --profile tiny" in answer.out
        report = next(line.split()[1] for line in lines if line.startswith("report"))
        assert (project.root / report).is_file()
        assert parts.benchmark_processes(project.root) == []

    def test_that_has_nothing_to_compare_with_ends_with_5_where_a_verdict_is_required(
        self, project: Project
    ) -> None:
        cleared = project.call("baseline", "reset", "--profile", "tiny", "--reason", "test", "--json")
        assert cleared.document["removed"] == 1
        answer = on_a_quiet_machine(project, *RUN, "--require-verdict", "--json")
        assert answer.code == 5
        assert answer.err == "perf-pipeline: --require-verdict: not every endpoint got a verdict\n"
        found = answer.document
        assert (found["outcome"], found["exit_code"]) == ("passed", 5)
        assert found["record"]["stack"]["request"]["profile"] == "tiny"

    def test_in_which_an_endpoint_fails_ends_with_4_and_names_it(self, project: Project) -> None:
        answer = on_a_quiet_machine(project, *RUN, "--quiet", PERF_DEMO_FAULTS="fail=get_news:100%")
        assert answer.code == 4, answer.out
        assert answer.err == ""
        assert answer.out.startswith("SLO BREACHED  get_news")

    def test_whose_target_is_down_ends_with_6_before_any_load(self, project: Project) -> None:
        answer = project.call(*RUN, "--target", "own", PERF_PIPELINE_ARCHIVE=str(project.suite_file))
        assert answer.code == 6
        assert "perf-pipeline: warning: not archived: " in answer.err, "which changes nothing of the run"
        assert answer.out.startswith("not_ready: target own is not healthy: http://127.0.0.1:")
        with project.store() as store:
            newest = store.list_runs(limit=1)[0]
        assert newest.outcome is Outcome.NOT_READY
        assert not (project.home / "runs" / newest.run_id / names.RAW_SAMPLES).exists()

    def test_that_is_interrupted_ends_with_130_leaves_no_process_and_is_stored_as_cancelled(
        self, project: Project
    ) -> None:
        known = loads(project)
        process = project.start(*RUN)
        parts.wait_until(lambda: loads(project) > known or process.poll() is not None, 40)
        process.send_signal(signal.SIGINT)
        answer = said(process)
        assert answer.code == 130
        assert answer.out.startswith("cancelled: the run was ended in step load_test")
        assert parts.benchmark_processes(project.root) == []
        with project.store() as store:
            assert store.list_runs(limit=1)[0].outcome is Outcome.CANCELLED

    def test_that_was_judged_by_a_suite_file_which_is_gone_now_can_be_shown(self, project: Project) -> None:
        project.suite_file.rename(project.suite_file.with_suffix(".gone"))
        try:
            with project.store() as store:
                first = store.list_runs(outcome=Outcome.PASSED)[-1]
            answer = project.call("show", first.run_id[:8])
        finally:
            project.suite_file.with_suffix(".gone").rename(project.suite_file)
        assert answer.code == 0
        assert answer.out.startswith("PASSED")
