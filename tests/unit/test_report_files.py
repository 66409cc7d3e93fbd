"""The files of a report: each outcome renders, nothing hostile gets through, nothing depends on chance."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import builders
import pytest
import report_examples as examples

from perf_pipeline.core.model import Reason
from perf_pipeline.files import write_whole
from perf_pipeline.report.html import render_html
from perf_pipeline.report.json_report import ReportError, read_json, render_json
from perf_pipeline.report.junit import render_junit
from perf_pipeline.report.markdown import render_markdown
from perf_pipeline.report.view import RunView, build_view
from perf_pipeline.report.write import write_reports

HOSTILE = '<script>alert("x")</script>&"\''


def view_of(example: str) -> RunView:
    record, run = examples.EXAMPLES[example]()
    return build_view(record, suite=builders.suite(), samples=run, baseline=examples.BASELINE)


@cache
def page_of(example: str) -> str:
    return render_html(view_of(example))


@cache
def hostile_view() -> RunView:
    """Every text that comes from outside, endpoint names included, tries to be markup."""
    record, run = examples.target_lost()
    first = record.slo.endpoints[1].model_copy(update={"endpoint": HOSTILE, "sentence": HOSTILE})
    slo = record.slo.model_copy(
        update={"endpoints": [first], "breaches": [Reason(name=HOSTILE, sentence=HOSTILE)] * 2}
    )
    request = record.stack.request.model_copy(update={"note": HOSTILE, "launched_by": HOSTILE})
    stack = record.stack.model_copy(update={"request": request, "revision": HOSTILE, "data_volume": HOSTILE})
    load = record.load.model_copy(
        update={
            "revision_before": HOSTILE,
            "errors_by_kind": {HOSTILE: {HOSTILE: 3}},
            "command": ["k6", HOSTILE],
            "exit_meaning": HOSTILE,
        }
    )
    odd = record.model_copy(update={"slo": slo, "stack": stack, "load": load, "sentence": HOSTILE})
    return build_view(odd, suite=builders.suite(), samples={HOSTILE: run["get_state"]})


class _Tags(HTMLParser):
    """Tags as a browser would see them; complains about ends that close nothing."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input", "path", "rect", "circle", "use"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


def tags(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    assert parser.open == []
    return parser


class TestTheHtmlReport:
    @pytest.mark.parametrize("example", examples.EXAMPLES)
    def test_renders_every_outcome_as_well_formed_page(self, example):
        page, view = page_of(example), view_of(example)
        assert tags(page).seen
        assert view.outcome.sign in page and view.outcome.word in page and "nan" not in page.lower().split()

    def test_needs_no_network_and_no_script(self):
        found = tags(page_of("regressed")).seen
        assert not [tag for tag, _ in found if tag in ("script", "link", "img", "iframe", "object")]
        for _, attributes in found:
            link = attributes.get("href") or ""
            assert re.fullmatch(r"(#[\w-]+|[\w.-]+)?", link), link

    def test_has_unique_ids_and_links_that_lead_somewhere(self):
        found = tags(page_of("regressed")).seen
        ids = [attributes["id"] for _, attributes in found if "id" in attributes]
        targets = {
            attributes["href"][1:]
            for _, attributes in found
            if (attributes.get("href") or "").startswith("#")
        }
        assert len(ids) == len(set(ids))
        assert targets <= set(ids)

    def test_draws_two_plots_per_endpoint_and_the_load(self):
        found = tags(page_of("regressed")).seen
        drawings = [
            attributes for tag, attributes in found if tag == "svg" and attributes.get("role") == "img"
        ]
        assert len(drawings) == 2 * len(builders.ENDPOINTS) + 1

    def test_draws_nothing_for_an_endpoint_without_a_success_and_says_so(self):
        page = page_of("target_lost")
        assert "Latency of join_room over the run" not in page
        assert "No request succeeded" in page and "status 500: 550" in page

    def test_shows_the_success_rate_of_prometheus_beside_the_exact_one(self):
        rows = {row.endpoint: row for row in view_of("target_lost").reconciliation}
        shown = {name: (row.exact_success, row.prometheus_success) for name, row in rows.items()}
        assert shown["join_room"] == ("0 %", "0 %")
        assert shown["get_state"] == ("64 %", "64 %")
        assert shown["leaderboard"] == ("100 %", "100 %")
        assert page_of("target_lost").count('<td class="num">64 %</td>') == 1

    def test_shows_an_old_run_whose_samples_are_gone(self):
        record, _ = examples.passed()
        page = render_html(build_view(record, suite=builders.suite()))
        assert tags(page).seen and "The raw samples are gone" in page

    def test_shows_hostile_text_as_text(self):
        page = render_html(hostile_view())
        assert "<script" not in page
        assert tags(page).seen and "&lt;script&gt;" in page

    def test_is_the_same_for_the_same_run(self):
        assert render_html(view_of("regressed")) == page_of("regressed")

    def test_stays_small_with_many_samples(self):
        record, _ = examples.passed()
        many = builders.samples(n=5000)
        page = render_html(build_view(record, suite=builders.suite(), samples=many, baseline=[many] * 10))
        assert len(page.encode()) < 1_500_000


class TestMarkdown:
    def test_holds_the_outcome_and_both_tables(self):
        assert render_markdown(view_of("regressed")) == MARKDOWN

    def test_keeps_hostile_text_in_its_cell(self):
        text = render_markdown(hostile_view())
        assert "<script" not in text
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({line.replace(r"\|", "").count("|") for line in rows}) == 1


class TestJson:
    @pytest.mark.parametrize("example", examples.EXAMPLES)
    def test_gives_the_record_back(self, example):
        record, _ = examples.EXAMPLES[example]()
        assert read_json(render_json(record)) == record

    def test_has_numbers_as_numbers_and_no_nan(self):
        record, _ = examples.passed()
        broken = record.model_copy(
            update={"comparison": record.comparison.model_copy(update={"judged_s": float("nan")})}
        )
        document = json.loads(render_json(broken), parse_constant=pytest.fail)
        assert document["run"]["slo"]["endpoints"][0]["p95_ms"] == pytest.approx(32.8, abs=0.1)
        assert document["run"]["comparison"]["judged_s"] is None
        assert (document["schema_version"], document["exit_code"]) == (1, 0)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "x", "schema_version": 1, "run": {}}'])
    def test_of_something_else_is_refused_in_one_sentence(self, text):
        with pytest.raises(ReportError):
            read_json(text)


def cases(example: str) -> dict[str, str]:
    """Name of each test case -> passed, failure or skipped."""
    root = ET.fromstring(render_junit(view_of(example)))  # noqa: S314 - our own text
    found = {case.get("name", ""): case[0].tag if len(case) else "passed" for case in root.iter("testcase")}
    kinds = list(found.values())
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == (
        str(len(kinds)),
        str(kinds.count("failure")),
        str(kinds.count("skipped")),
    )
    return found


class TestJunit:
    def test_fails_the_regressed_endpoint_and_skips_the_inconclusive_one(self):
        found = cases("regressed")
        assert found["get_game_data: not slower than its baseline"] == "failure"
        assert found["get_news: not slower than its baseline"] == "skipped"
        assert list(found.values()).count("failure") == 1

    def test_fails_each_broken_objective(self):
        found = cases("target_lost")
        assert [name.split(":")[0] for name, kind in found.items() if kind == "failure"] == [
            "join_room",
            "get_state",
        ]

    def test_of_an_invalid_run_fails_the_measurement_and_judges_nothing(self):
        kinds = list(cases("invalid").values())
        assert kinds == ["failure"] + ["skipped"] * 14

    def test_takes_characters_that_xml_does_not(self):
        record, _ = examples.target_lost()
        odd = Reason(name="x", sentence="a\x00b\x1b[31m<&>")
        slo = record.slo.model_copy(update={"breaches": [odd], "endpoints": record.slo.endpoints[2:]})
        text = render_junit(build_view(record.model_copy(update={"slo": slo}), suite=builders.suite()))
        assert "a?b?[31m" in (next(ET.fromstring(text).iter("failure")).text or "")  # noqa: S314


class TestWriting:
    def test_leaves_five_files_and_nothing_else(self, tmp_path):
        record, run = examples.passed()
        paths = write_reports(record, suite=builders.suite(), run_folder=tmp_path / "run", samples=run)
        assert {name: path.name for name, path in paths.items()} == {
            "html": "report.html",
            "markdown": "report.md",
            "comparison": "comparison.md",
            "json": "report.json",
            "junit": "report.junit.xml",
        }
        assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(
            path.name for path in paths.values()
        )

    def test_that_fails_keeps_the_old_file_and_no_rest(self, tmp_path, monkeypatch):
        path = write_whole(tmp_path / "report.md", "old")
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            write_whole(path, "new")
        assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("report.md", "old")]


MARKDOWN = """\
## ▲ regressed: get_game_data p50 +48 % (interval +41..+56 %) against 5 baseline runs

- what: multiplayer, profile standard
- where: local, http://127.0.0.1:8000
- when: 2026-11-20 12:00:00 UTC, 1 min 50 s measured
- revision: rev-2
- against: 5 baseline runs of revision rev-1
- launched by: tests
- run: 0f1e2d3c-0000-4000-8000-000000000001

### Objectives

| endpoint | SLO | p50 | p95 | objective | headroom | errors | requests |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| join_room | ✓ met | 21.9 | 32.8 | 300 | 89 % | 0 % | 550 |
| get_state | ✓ met | 9.01 | 13.2 | 200 | 93 % | 0 % | 550 |
| leaderboard | ✓ met | 13.7 | 20.5 | 400 | 95 % | 0 % | 550 |
| get_news | ✓ met | 6.08 | 9.08 | 300 | 97 % | 0 % | 550 |
| get_recommendations | ✓ met | 34.8 | 53.0 | 400 | 87 % | 0 % | 550 |
| get_game_data | ✓ met | 176 | 268 | 500 | 46 % | 0 % | 550 |
| update_player | ✓ met | 17.1 | 25.5 | 300 | 92 % | 0 % | 550 |

### Against the baseline

5 baseline runs of revision rev-1

| endpoint | verdict | p50 | p95 | seen from (p50 / p95) |
| --- | --- | ---: | ---: | ---: |
| join_room | = unchanged | +0.0 % (-4.9..+5.1 %) | +0.0 % (-14..+16 %) | 10 % / 10 % |
| get_state | ▼ improved | -20 % (-24..-16 %) | +0.0 % (-14..+16 %) | 10 % / 10 % |
| leaderboard | = unchanged | +0.0 % (-4.9..+5.1 %) | +0.0 % (-14..+16 %) | 10 % / 10 % |
| get_news | ~ inconclusive | +6.0 % (-6.0..+20 %) | – | 10 % / – |
| get_recommendations | = unchanged | +0.0 % (-4.9..+5.1 %) | +0.0 % (-14..+16 %) | 10 % / 10 % |
| get_game_data | ▲ regressed | +48 % (+41..+56 %) | +52 % (+24..+86 %) | 10 % / 35 % |
| update_player | = unchanged | +0.0 % (-4.9..+5.1 %) | +0.0 % (-14..+16 %) | 10 % / 10 % |

nothing in common

**Warnings**

- k6's log was cut at its cap (log_truncated)

Repeat: `perf-pipeline run multiplayer --target local --profile standard`
"""
