"""``perf-pipeline deploy`` and ``deploys`` as a CI job and a person call them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_parts import Project, make_project, said
from store_parts import at

from perf_pipeline.store.values import DeployState

MARK = ("deploy", "tiny", "--target", "staging", "--revision")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


class TestAMarker:
    def test_says_which_deploy_it_is_what_ran_before_and_what_follows_when(self, project: Project) -> None:
        with project.store() as store:
            store.mark_deploy("tiny", "staging", "abc", note="", at=at(0))
        answer = project.call(*MARK, "def", "--note", "pipeline 4711")
        assert (answer.code, answer.err) == (0, "")
        first, second = answer.out.splitlines()
        assert first.startswith("deploy 2 (marker): abc -> def, of tiny on staging, recorded 20")
        assert second.startswith(
            "the daemon's deploy sensor starts a run with profile standard when it has settled, from "
        )
        with project.store() as store:
            newest, coalesced = store.list_deploys()
        assert (newest.note, newest.state) == ("pipeline 4711", DeployState.PENDING)
        assert coalesced.state is DeployState.COALESCED

    def test_of_the_same_revision_says_that_nothing_follows_and_what_would(self, project: Project) -> None:
        with project.store() as store:
            store.mark_deploy("tiny", "staging", "abc", note="", at=at(0))
        answer = project.call(*MARK, "abc")
        assert answer.code == 0
        assert answer.out.splitlines()[1].startswith("no run follows: abc is of deploy 1 already; `")
        assert "deploy tiny --target staging --revision abc --again` measures it" in answer.out
        document = project.call(*MARK, "abc", "--again", "--json").document
        assert (document["number"], document["state"], document["target"]) == (3, "pending", "staging")
        assert document["follows"].startswith("the daemon's deploy sensor starts a run")
        assert document["seen_at"].startswith("2026-11-20"), "when the deploy was that it repeats"
        assert "from 12:01:00 UTC" not in document["follows"], "but it settles anew"

    def test_says_that_a_pause_is_in_the_way(self, project: Project) -> None:
        with project.store() as store:
            store.pause("tiny", "staging", reason="moving house", who="eva", at=at(0))
        assert "; not yet: " in project.call(*MARK, "abc").out

    def test_that_is_wrong_is_refused_with_2_and_one_line(self, project: Project) -> None:
        refused = [
            ((*MARK[:3], "stagin", "--revision", "a"), "did you mean 'staging'?"),
            ((*MARK, " "), "--revision is empty"),
            ((*MARK, "a\x1b[2Jb"), "--revision has control characters"),
            ((*MARK, "a" * 201), "--revision is longer than 200 characters"),
        ]
        processes = [project.start(*arguments) for arguments, _ in refused]
        for process, (_, sentence) in zip(processes, refused, strict=True):
            answer = said(process)
            assert answer.code == 2
            assert sentence in answer.line


class TestTheListOfDeploys:
    def test_says_what_became_of_each(self, project: Project) -> None:
        assert project.call("deploys").out.startswith("no deploys yet")
        with project.store() as store:
            for minute, revision in enumerate(("abc", "def")):
                store.mark_deploy("tiny", "staging", revision, note="by CI", at=at(minute))
        assert project.call("deploys").out == (
            "tiny on staging  newest first\n"
            "     seen (UTC)        revision  before it  source  state      run  note \n"
            "  2  2026-11-20 12:01  def       abc        marker  pending         by CI\n"
            "  1  2026-11-20 12:00  abc       unknown    marker  coalesced       by CI\n"
            "  2  waits for its run\n"
            "  1  deploy 2 (def) came before its run could start\n"
            "\n"
        )
        newest = project.call("deploys", "--target", "staging", "--limit", "1", "--json").document
        assert [one["number"] for one in newest] == [2]
