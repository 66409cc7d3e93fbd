"""Does the scenario call what the suite promises, and only that?

The scenario is JavaScript and is read as text: ``perform('name', ...)`` in any script of the suite's folder
is a call of that endpoint. A ``perform(name, ...)`` whose name is computed may be a call of any.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from perf_pipeline.suite import Suite
from perf_pipeline.suite_javascript import Call, calls_of_perform
from perf_pipeline.suite_nodes import Section
from perf_pipeline.suite_units import did_you_mean

_SCRIPTS = (".js", ".mjs", ".ts")


def check_script(suite: Suite, top: Section, endpoints: Section, shown: Callable[[Path], str]) -> list[str]:
    """Adds problems of the suite file to its sections; returns those of a script, with its file and line."""
    script = suite.folder / suite.script
    if not script.is_file():
        top.problem(f"'{suite.script}' is not in the suite's folder; write it or name another", "script")
        return []
    if not suite.endpoints:
        return []  # the section is missing or broken, which has been said
    calls: dict[Path, list[Call]] = {}
    problems = []
    for file in _scripts(suite.folder, script):
        try:
            calls[file] = calls_of_perform(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            problems.append(f"{shown(file)}:{line}: is not UTF-8, as k6 wants it; save it as UTF-8")
        except OSError as error:
            problems.append(f"{shown(file)}:1: cannot be read: {error.strerror}")
    called = {call.endpoint for found in calls.values() for call in found}
    if not problems and None not in called:
        for name, endpoint in suite.endpoints.items():
            if name not in called and endpoint.weight > 0:
                endpoints.problem(
                    f"{suite.script} never calls it; call perform('{name}', ...) there,"
                    " or remove the endpoint and its SLO",
                    name,
                )
    return problems + [
        f"{shown(file)}:{call.line}: calls '{call.endpoint}', which is not in"
        f" endpoints of the suite{did_you_mean(call.endpoint, list(suite.endpoints))}"
        for file, found in calls.items()
        for call in found
        if call.endpoint is not None and call.endpoint not in suite.endpoints
    ]


def _scripts(folder: Path, script: Path) -> list[Path]:
    """The scenario first, then every other script in the folder and below, hidden ones excluded."""
    others = (
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix in _SCRIPTS
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    return [script, *(file for file in others if file != script)]
