"""What follows from one endpoint of the suite file: every generated piece of text, with its file and line.

Nothing is computed a second time: the generated texts are searched for the endpoint, so that a new kind of
rule or panel is found without a change here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from perf_pipeline import conventions as names
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.monitoring.located_json import LINE, located
from perf_pipeline.suite import Endpoint, Suite

RECORDING_RULE, ALERT, PANEL = "recording rule", "alert", "dashboard panel"

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WORD = re.compile(r"[A-Za-z_][\w:]*")
# Samples that the pipeline writes per endpoint: who asks for them without naming one asks for all.
_PER_ENDPOINT = {
    names.RUN_LATENCY,
    names.RUN_OBJECTIVE,
    names.RUN_REQUESTS,
    names.RUN_ERRORS,
    names.RUN_NOISE,
    names.RUN_CHANGE,
    names.RUN_VERDICT,
    names.RUN_SLO_MET,
    names.RUN_BASELINE,
}


class Artefact(Frozen):
    """One piece of a file. ``shared``: it serves this endpoint together with others, and names none alone."""

    kind: str  # suite, k6 plan, k6 thresholds, recording rule, alert, dashboard panel
    name: str
    file: str  # relative to the project's root
    line: int  # counted from 1
    text: str
    shared: bool = False


def explain(suite: Suite, endpoint: str, *, suite_text: str, files: Mapping[str, str]) -> list[Artefact]:
    """Everything that comes from ``endpoints.<endpoint>``, the suite file's own lines first.

    ``suite_text``: the suite file; ``files``: path -> text, from ``generated_files``.
    """
    folder = f"k6/{suite.name}"
    found = [_suite_entry(suite_text, f"{folder}/{names.SUITE_FILE}", endpoint)]
    found += _k6(files[f"{folder}/{names.SUITE_JSON}"], f"{folder}/{names.SUITE_JSON}", endpoint)
    search = _Search(suite, endpoint)
    rules = [rule for file, text in files.items() if file.endswith(".yml") for rule in _rules(text, file)]
    found += search.among_rules(rules)
    for file, text in files.items():
        if file.startswith(names.DASHBOARDS_FOLDER):
            found += search.among_panels(located(text), file)
    return found


# ------------------------------------------------------------------ what names an endpoint


class _Search:
    """Finds what concerns one endpoint of a suite in texts of PromQL, those within an alert's words included.

    ``slo:met{endpoint="a"}`` and ``slo:met{endpoint="b"}`` are one name: whoever asks for it asks for both.
    """

    def __init__(self, suite: Suite, endpoint: str) -> None:
        self._endpoints = suite.endpoints.values()
        self._endpoint = endpoint
        self._records: set[str] = set(_PER_ENDPOINT)  # of several endpoints, this one among them
        self._own_records: set[str] = set()

    def among_rules(self, rules: list[_Rule]) -> list[Artefact]:
        """In the order of the files; rules that build on a rule that is found are found, too."""
        found: dict[int, Artefact] = {}
        count = -1
        while len(found) > count:
            count = len(found)
            for number, rule in enumerate(rules):
                shared = self._concerns(rule.asked, rule.labels)
                if number in found or shared is None:
                    continue
                found[number] = rule.artefact.model_copy(update={"shared": shared})
                if rule.artefact.kind == RECORDING_RULE:
                    (self._records if shared else self._own_records).add(rule.artefact.name)
        return [found[number] for number in sorted(found)]

    def among_panels(self, dashboard: Mapping[str, Any], file: str) -> Iterator[Artefact]:
        for panel in dashboard["panels"]:
            asked = [target["expr"] for target in panel.get("targets", ()) if "expr" in target]
            if not asked:
                continue
            shared = self._concerns("\n".join(asked), [panel["title"]])
            if shared is not None:
                yield Artefact(
                    kind=PANEL,
                    name=f"{dashboard['title']} / {panel['title']}",
                    file=file,
                    line=panel[LINE],
                    text="\n".join(asked),
                    shared=shared,
                )

    def _concerns(self, asked: str, said: list[str]) -> bool | None:
        """None: not this endpoint. False: this one alone. True: this one among others.

        ``asked``: PromQL; ``said``: labels or a title, which name an endpoint when they are its name.
        """
        strings = {word for text in _STRING.findall(asked) for word in text.split("|")}
        words = set(_WORD.findall(_STRING.sub('""', asked)))
        named = {
            endpoint.name
            for endpoint in self._endpoints
            if endpoint.name in strings or endpoint.name in said or _has_series(endpoint, words | strings)
        }
        if self._endpoint in named:
            return len(named) > 1
        if named:
            return None
        if words & self._own_records:
            return bool(words & self._records)
        return True if names.TAG_ENDPOINT in words or words & self._records else None


def _has_series(endpoint: Endpoint, words: set[str]) -> bool:
    """Its Trend, its Trend in Prometheus, or a record that is named after it."""
    beginnings = (f"{endpoint.metric}:", f"slo:{endpoint.record}:")
    series = {endpoint.metric, names.prometheus_trend(endpoint.metric)}
    return bool(words & series) or any(word.startswith(beginnings) for word in words)


# ------------------------------------------------------------------ the files


class _Rule(Frozen):
    artefact: Artefact
    asked: str
    labels: list[str]


def _rules(text: str, file: str) -> Iterator[_Rule]:
    lines = text.splitlines()
    for group in _items(_compose(text), "groups"):
        for rule in _items(group, "rules"):
            entries = {key.value: value for key, value in rule.value}
            record = "record" in entries
            yield _Rule(
                artefact=Artefact(
                    kind=RECORDING_RULE if record else ALERT,
                    name=entries["record" if record else "alert"].value,
                    file=file,
                    line=_line(rule),
                    text=_block(lines, rule),
                ),
                asked="\n".join([entries["expr"].value, *_values(entries, "annotations")]),
                labels=_values(entries, "labels"),
            )


def _suite_entry(text: str, file: str, endpoint: str) -> Artefact:
    top = {key.value: value for key, value in _compose(text).value}
    key, value = next(pair for pair in top["endpoints"].value if pair[0].value == endpoint)
    block = _block(text.splitlines(), value, since=_line(key))
    return Artefact(kind="suite", name=endpoint, file=file, line=_line(key), text=block)


def _k6(text: str, file: str, endpoint: str) -> Iterator[Artefact]:
    entry = located(text)["endpoints"][endpoint]
    plan = "\n".join(f"{key}: {value}" for key, value in entry.items() if isinstance(value, str | float))
    yield Artefact(kind="k6 plan", name=endpoint, file=file, line=entry[LINE], text=plan)
    thresholds = dict(entry["thresholds"])
    line = thresholds.pop(LINE)
    said = "\n".join(f"{metric}: {', '.join(wanted)}" for metric, wanted in thresholds.items())
    yield Artefact(kind="k6 thresholds", name=endpoint, file=file, line=line, text=said)


def _compose(text: str) -> MappingNode:
    node: MappingNode = YAML(typ="rt", pure=True).compose(text)
    return node


def _items(node: Node, key: str) -> list[Any]:
    """The list under a key of a mapping."""
    for name, value in node.value:
        if name.value == key and isinstance(value, SequenceNode):
            return list(value.value)
    return []


def _values(entries: Mapping[str, Node], key: str) -> list[str]:
    """Of the mapping under a key that may be missing."""
    return [value.value for _, value in entries[key].value] if key in entries else []


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _block(lines: list[str], node: Node, *, since: int | None = None) -> str:
    """The lines of a node, without the comments and empty lines that follow it."""
    block = lines[(since or _line(node)) - 1 : node.end_mark.line + 1]
    # A block ends where the next thing begins; a list's next item is on the last of these lines.
    indent = min(len(line) - len(line.lstrip()) for line in block[:1])
    while len(block) > 1 and (not _belongs(block[-1], indent)):
        block.pop()
    return textwrap.dedent("\n".join(block))


def _belongs(line: str, indent: int) -> bool:
    return (
        bool(line.strip()) and not line.lstrip().startswith("#") and len(line) - len(line.lstrip()) > indent
    )
