"""JUnit XML: one test case per promise, which is what CI systems know how to show.

Suites: the measurement (is the run valid?), the objectives, the baseline. ``inconclusive`` and "no baseline"
are skipped cases: neither good nor bad. In an invalid run every objective and comparison is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # only writes

from perf_pipeline.report.endpoint_view import EffectView, EndpointView
from perf_pipeline.report.view import RunView
from perf_pipeline.report.words import BAD, WARN

UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not allowed in XML 1.0


@dataclass(frozen=True)
class _Case:
    name: str
    kind: str = ""  # "", failure, skipped
    message: str = ""
    detail: str = ""


def render_junit(view: RunView) -> str:
    """One document that any JUnit reader takes."""
    suites = {
        "measurement": [_measurement(view), *_whole_run(view)],
        "objectives": [_objective(view, one) for one in view.endpoints],
        "baseline": [_comparison(view, one) for one in view.endpoints],
    }
    everything = [case for cases in suites.values() for case in cases]
    root = ET.Element("testsuites", {"name": _clean(view.title), **_totals(everything)})
    for name, cases in suites.items():
        element = ET.SubElement(root, "testsuite", {"name": name, **_totals(cases)})
        if view.deploy:
            about = ET.SubElement(element, "properties")
            ET.SubElement(about, "property", {"name": "deploy", "value": _clean(view.deploy)})
        for case in cases:
            one = ET.SubElement(
                element,
                "testcase",
                {"classname": f"perf-pipeline.{name}", "name": _clean(case.name), "time": "0"},
            )
            if case.kind:
                ET.SubElement(one, case.kind, {"message": _clean(case.message)}).text = (
                    _clean(case.detail) or None
                )
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _totals(cases: Sequence[_Case]) -> dict[str, str]:
    failures = sum(case.kind == "failure" for case in cases)
    skipped = sum(case.kind == "skipped" for case in cases)
    return {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}


def _measurement(view: RunView) -> _Case:
    if view.outcome.key != "invalid":
        return _Case("the measurement is valid")
    return _Case(
        "the measurement is valid",
        "failure",
        view.sentence,
        "\n".join(f"{reason.name}: {reason.sentence}" for reason in view.invalid_reasons),
    )


def _whole_run(view: RunView) -> list[_Case]:
    """A breach that belongs to no endpoint alone, such as a lost target, must not be nobody's failure."""
    if not view.valid or any(one.status.tone == BAD for one in view.endpoints) or not view.breaches:
        return []
    return [
        _Case(
            "the target answered throughout",
            "failure",
            view.sentence,
            "\n".join(f"{reason.name}: {reason.sentence}" for reason in view.breaches),
        )
    ]


def _objective(view: RunView, one: EndpointView) -> _Case:
    name = f"{one.name}: p95 within {one.objective} ms, errors within {one.error_objective}"
    if not view.valid:
        return _Case(name, "skipped", "the measurement is not valid")
    figures = (
        f"p50 {one.p50} ms, p95 {one.p95} ms, errors {one.errors} ({one.failed} of {one.requests} requests)"
    )
    if one.status.tone == BAD:
        return _Case(name, "failure", one.slo_sentence or one.status.word, figures)
    if one.status.tone == WARN:
        return _Case(name, "skipped", one.slo_sentence or one.status.word)
    return _Case(name)


def _comparison(view: RunView, one: EndpointView) -> _Case:
    name = f"{one.name}: not slower than its baseline"
    if not view.compared:
        return _Case(name, "skipped", view.comparison_line)
    if one.verdict.tone == BAD:
        detail = "\n".join(_effect(*pair) for pair in (("p50", one.p50_effect), ("p95", one.p95_effect)))
        return _Case(name, "failure", one.verdict_sentence or one.verdict.word, detail.strip())
    if one.verdict.key in ("inconclusive", "no_baseline", "not_compared"):
        return _Case(name, "skipped", one.verdict_sentence or one.verdict.word)
    return _Case(name)


def _effect(quantile: str, effect: EffectView | None) -> str:
    if effect is None:
        return ""
    return f"{quantile}: {effect.baseline} -> {effect.now}, {effect.change} ({effect.interval})"


def _clean(text: str) -> str:
    return UNWRITABLE.sub("?", text)
