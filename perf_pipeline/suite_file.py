"""Reads ``k6/<suite>/suite.yaml`` and says, with file and line, everything that is wrong with it.

``k6/multiplayer/suite.yaml`` is the complete, commented example of the format.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node

from perf_pipeline import suite_units as units
from perf_pipeline.conventions import CONTROL, SUITE_FILE, default_metric
from perf_pipeline.suite import (
    AUTOMATIC,
    MANUAL,
    BaselinePolicy,
    Endpoint,
    Objectives,
    Suite,
    VerdictSettings,
)
from perf_pipeline.suite_automation import read_archive
from perf_pipeline.suite_nodes import Problems, Section
from perf_pipeline.suite_profiles import read_profiles
from perf_pipeline.suite_script import check_script
from perf_pipeline.suite_targets import read_targets

_SUITE_KEYS = (
    "description", "script", "endpoints", "profiles", "targets", "allowed_origins", "baseline", "verdict",
    "archive", "owners",
)  # fmt: skip
_ENDPOINT_KEYS = ("method", "path", "weight", "slo", "metric", "record")
_ENDPOINTS_EXAMPLE = (
    "endpoints: {get_state: {method: GET, path: /state, weight: 1, slo: {p95: 200ms, errors: 1%}}}"
)
_DEEPEST = 20  # a suite file nests five levels
_DEFAULT_SCRIPT = "scenario.js"
_ACCEPT = units.Kind(units.one_of(AUTOMATIC, MANUAL), AUTOMATIC)


class SuiteError(Exception):
    """The suite cannot be used. ``problems``: one sentence each, starting with ``file:line:``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def discover_suites(root: Path) -> dict[str, Path]:
    """Suite name -> its suite file, for every ``k6/<suite>/suite.yaml`` under the project root."""
    return {file.parent.name: file for file in sorted((root / "k6").glob(f"*/{SUITE_FILE}"))}


def load_suite(path: Path) -> Suite:
    """The suite in ``path``, a suite file or its folder. Raises SuiteError with all problems found."""
    file = (path / SUITE_FILE if path.is_dir() else path).absolute()
    problems = Problems(_shown(file))
    tree = _compose(file, problems.file)
    top = Section(tree, "", problems, keys=_SUITE_KEYS)
    endpoints_section = top.section("endpoints", keys=units.NAME, example=_ENDPOINTS_EXAMPLE)
    endpoints = _read_endpoints(endpoints_section)
    origins = tuple(top.scalars("allowed_origins", units.ORIGIN))
    profiles = read_profiles(top, endpoints)
    suite = Suite(
        name=_suite_name(file, top),
        description=top.value("description", units.WORDS, ""),
        folder=file.parent,
        script=top.value("script", units.SCRIPT, _DEFAULT_SCRIPT),
        endpoints=endpoints,
        profiles=profiles,
        targets=read_targets(top, origins, profiles),
        allowed_origins=origins,
        baseline=_read_baseline(top),
        verdict=_read_verdict(top),
        archive=read_archive(top),
        owners=tuple(top.scalars("owners", units.OWNER)),
    )
    script_problems = check_script(suite, top, endpoints_section, _shown)
    found = problems.sentences() + script_problems
    if found:
        raise SuiteError(found)
    return suite


def _shown(file: Path) -> str:
    """As a person in the project's folder would type it."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _compose(file: Path, shown: str) -> MappingNode:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError(
            [f"{shown}:1: there is no such file; a suite is a folder k6/<name> with {SUITE_FILE}"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError([f"{shown}:1: cannot be read: {error}"]) from error
    too_deep = _line_of_depth(text)
    if too_deep is not None:
        raise SuiteError([f"{shown}:{too_deep}: is nested too deeply for a suite; is a bracket open?"])
    try:
        node: Node | None = YAML(typ="rt", pure=True).compose(text)
    except YAMLError as error:
        mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
        problem = (error.problem if isinstance(error, MarkedYAMLError) else None) or "cannot be parsed"
        raise SuiteError([f"{shown}:{mark.line + 1 if mark else 1}: is not YAML: {problem}"]) from error
    if node is None:
        raise SuiteError([f"{shown}:1: is empty; start from k6/multiplayer/{SUITE_FILE}"])
    if not isinstance(node, MappingNode):
        raise SuiteError([f"{shown}:1: must be a mapping with {', '.join(_SUITE_KEYS)}"])
    return node


def _line_of_depth(text: str) -> int | None:
    """Where it is nested more than any suite: the composer, which goes by recursion, would give up there."""
    depth = 0
    with suppress(YAMLError):  # which the composer explains
        for event in YAML(typ="rt", pure=True).parse(text):
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            if depth > _DEEPEST:
                return int(event.start_mark.line) + 1
    return None


def _suite_name(file: Path, top: Section) -> str:
    try:
        return units.name(file.parent.name)
    except ValueError as error:
        top.problem(f"the suite is named by its folder, but {error}")
        return units.NAME.placeholder


def _read_endpoints(section: Section) -> dict[str, Endpoint]:
    endpoints: dict[str, Endpoint] = {}
    owner_of: dict[tuple[str, str], str] = {}  # (key, value) -> the endpoint that has it
    for name, entry in section.sections(keys=_ENDPOINT_KEYS):
        if name == CONTROL:
            entry.problem("this is the name of the pipeline's own control process; write another name")
        metric = entry.value("metric", units.METRIC, default_metric(name))
        record = entry.value("record", units.NAME, name)
        for key, value in (("metric", metric), ("record", record)):
            owner = owner_of.setdefault((key, value), name)
            if owner != name:
                entry.problem(f"the {key} '{value}' is already that of {owner}", key)
        weight = entry.value("weight", units.WEIGHT)
        if weight == 0:
            entry.problem(
                "0 means that the scenario never calls it: raise it, or remove the endpoint and its SLO",
                "weight",
            )
        endpoints[name] = Endpoint(
            name=name,
            method=entry.value("method", units.METHOD),
            path=entry.value("path", units.PATH),
            weight=weight,
            metric=metric,
            record=record,
            slo=_read_slo(entry),
        )
    if not endpoints and section.sound and not section.absent:
        section.problem("has no endpoint; name at least one")
    return endpoints


def _read_slo(entry: Section) -> Objectives:
    slo = entry.section("slo", keys=("p95", "p50", "errors"), example="slo: {p95: 300ms, errors: 1%}")
    objectives = Objectives(
        p95_ms=slo.value("p95", units.LATENCY),
        p50_ms=slo.value("p50", units.LATENCY, None),
        error_ratio=slo.value("errors", units.SHARE),
    )
    if slo.sound and objectives.p50_ms is not None and objectives.p50_ms > objectives.p95_ms:
        slo.problem(
            f"{objectives.p50_ms:g}ms is above the p95 of {objectives.p95_ms:g}ms, which cannot be;"
            " swap them or lower p50",
            "p50",
        )
    return objectives


def _read_baseline(top: Section) -> BaselinePolicy:
    section = top.section("baseline", keys=("accept", "improvements", "keep", "minimum"))
    default = BaselinePolicy()
    policy = BaselinePolicy(
        accept=section.value("accept", _ACCEPT, default.accept),
        improvements=section.value("improvements", _ACCEPT, default.improvements),
        keep=section.value("keep", units.COUNT, default.keep),
        minimum=section.value("minimum", units.COUNT, default.minimum),
    )
    if section.sound and policy.minimum > policy.keep:
        section.problem(f"{policy.minimum} is more than the {policy.keep} runs that are kept", "minimum")
    return policy


def _read_verdict(top: Section) -> VerdictSettings:
    section = top.section("verdict", keys=("floor", "floor_latency", "tolerance", "runs"))
    tolerance = section.section("tolerance", keys=("p50", "p95"))
    default = VerdictSettings()
    return VerdictSettings(
        floor_ratio=section.value("floor", units.SHARE, default.floor_ratio),
        floor_ms=section.value("floor_latency", units.LATENCY, default.floor_ms),
        tolerance_p50_ratio=tolerance.value("p50", units.TOLERANCE, default.tolerance_p50_ratio),
        tolerance_p95_ratio=tolerance.value("p95", units.TOLERANCE, default.tolerance_p95_ratio),
        runs=section.value("runs", units.RUNS, default.runs),
    )
