"""Every report of a run that followed a deploy says so, in one line."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from xml.etree import ElementTree as ET

import builders
from builders import STARTED
from rich.console import Console

from perf_pipeline.core.model import Deploy, RunRecord, RunRequest
from perf_pipeline.defs.metadata import of_stack
from perf_pipeline.report.facts import deploy_line, revision
from perf_pipeline.report.html import render_html
from perf_pipeline.report.json_report import read_json, render_json
from perf_pipeline.report.junit import render_junit
from perf_pipeline.report.markdown import render_markdown
from perf_pipeline.report.terminal import print_run
from perf_pipeline.report.view import RunView, build_view

DEPLOY = Deploy(
    number=7,
    revision="1.5.0",
    previous_revision="1.4.0",
    source="version",
    seen_at=STARTED - timedelta(minutes=3),
)
LINE = "deploy 7 (version endpoint): 1.4.0 -> 1.5.0, seen 11:57 UTC"


def record(deploy: Deploy | None = DEPLOY, **load: None) -> RunRecord:
    request = RunRequest(
        suite="multiplayer", target="local", profile="standard", launched_by="deploy", deploy=deploy
    )
    stack = builders.stack_state(request=request, **({"revision": None} if load else {}))
    return builders.run_record(stack=stack, load=builders.load_result(**load))


def view(deploy: Deploy | None = DEPLOY) -> RunView:
    return build_view(record(deploy), suite=builders.suite())


class TestTheDeployThatARunFollowed:
    def test_is_in_the_terminal(self) -> None:
        out = io.StringIO()
        print_run(view(), console=Console(file=out, width=100))
        assert f"\nafter {LINE}\n" in out.getvalue()

    def test_is_in_markdown_and_html(self) -> None:
        assert f"- deploy: {LINE}" in render_markdown(view())
        assert LINE.replace(">", "&gt;") in render_html(view())

    def test_is_in_json_for_programs(self) -> None:
        text = render_json(record())
        assert json.loads(text)["run"]["stack"]["request"]["deploy"]["number"] == 7
        assert read_json(text).stack.request.deploy == DEPLOY

    def test_is_a_property_of_each_suite_of_junit(self) -> None:
        suites = ET.fromstring(render_junit(view()))  # noqa: S314 - written by ourselves
        found = [one.find("./properties/property") for one in suites]
        assert [one.get("value") for one in found if one is not None] == [LINE] * 3

    def test_is_beside_the_stack_in_dagster(self) -> None:
        assert of_stack(record().stack)["deploy"] == LINE.partition(", seen")[0]

    def test_is_not_mentioned_where_there_was_none(self) -> None:
        assert deploy_line(record(None)) == ""
        assert "- deploy:" not in render_markdown(view(None))
        assert "properties" not in render_junit(view(None))

    def test_has_its_day_when_that_is_another_one(self) -> None:
        earlier = DEPLOY.model_copy(update={"seen_at": STARTED - timedelta(days=1)})
        assert deploy_line(record(earlier)).endswith("seen 2026-11-19 12:00 UTC")


class TestTheRevisionOfATargetThatDoesNotTell:
    def test_is_the_one_that_was_deployed(self) -> None:
        silent = {"revision_before": None, "revision_after": None}
        assert revision(record(**silent)) == "1.5.0"
        assert revision(record(None, **silent)) == "unknown"

    def test_is_the_targets_own_where_it_tells(self) -> None:
        assert revision(record()) == "rev-2"
