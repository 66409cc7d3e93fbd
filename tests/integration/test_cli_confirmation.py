"""A run that asks for confirmation from the command line: real runs, a judge that always asks once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import asking_judge
import cli_parts
import dagster_parts as parts
import pytest
from cli_parts import Project, Said, said

from perf_pipeline.core.model import FollowUp, Outcome
from perf_pipeline.store.values import StoredRun

pytestmark = pytest.mark.slow

SLOW = {"PERF_DEMO_FAULTS": f"slow={asking_judge.ENDPOINT}:30ms"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With one baseline run."""
    made = cli_parts.make_project(tmp_path_factory.mktemp("project"))
    answer = said(started(made, "--quiet"))
    assert answer.code == 0, answer.out
    return made


def started(project: Project, *options: str, **environment: str) -> subprocess.Popen[str]:
    """``perf-pipeline run`` with the judge of these tests."""
    command = [sys.executable, asking_judge.__file__, "run", parts.SUITE, "--profile", parts.PROFILE]
    paths = ":".join(sys.path)
    return subprocess.Popen(
        [*command, *options],
        cwd=project.root,
        env=project.environment(PYTHONPATH=paths, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def newest(project: Project, number: int) -> list[StoredRun]:
    with project.store() as store:
        return store.list_runs(limit=number)


class TestARunThatIsConfirmed:
    def test_is_followed_at_once_and_ends_with_what_both_say(self, project: Project) -> None:
        answer: Said = said(started(project, **SLOW))
        assert answer.code == 3, answer.out
        assert answer.err.splitlines() == [
            "tiny on local, profile tiny",
            f"run 2 of at most 3: {asking_judge.WHY}",
        ]
        assert answer.out.startswith("REGRESSED  get_game_data")
        second, first = newest(project, 2)
        assert second.confirms == first.run_id
        assert (first.outcome, second.outcome) == (Outcome.PASSED, Outcome.REGRESSED)
        assert {first.follow_up, second.follow_up} == {FollowUp.CALLER}
        assert "judged over 2 runs of this revision" in " ".join(answer.out.split())
        assert first.run_id[:8] in answer.out

    def test_is_one_json_document(self, project: Project) -> None:
        answer = said(started(project, "--json"))
        assert (answer.code, answer.err) == (0, "")
        document = json.loads(answer.out)
        assert [one["asks"] for one in document["series"]] == [asking_judge.WHY, ""]
        assert document["run_id"] == document["series"][1]["run_id"]
        assert all(run.in_baseline for run in newest(project, 2))

    def test_is_not_where_that_is_switched_off(self, project: Project) -> None:
        before = newest(project, 1)[0].run_id
        answer = said(started(project, "--no-confirm", "--quiet"))
        assert (answer.code, answer.err) == (0, "")
        assert newest(project, 2)[1].run_id == before

    def test_stays_undecided_when_the_second_run_is_interrupted(self, project: Project) -> None:
        process = started(project)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("run 2"):
                break
        parts.wait_until(lambda: newest(project, 1)[0].confirms is not None or process.poll() is not None, 40)
        process.send_signal(signal.SIGINT)
        answer = said(process)
        assert answer.code == 130, answer.out
        second, first = newest(project, 2)
        assert second.outcome is Outcome.CANCELLED
        assert f"run {first.run_id[:8]} stays undecided" in answer.err
        assert not first.in_baseline
        assert parts.benchmark_processes(project.root) == []
