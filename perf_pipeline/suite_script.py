"""Does the scenario call what the suite promises, and only that?

The scenario is JavaScript and is read as text: an endpoint counts as called when its name stands in quotes in
a script of the suite's folder, and ``perform('name', ...)`` is a call of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from perf_pipeline.suite import Suite
from perf_pipeline.suite_nodes import Section
from perf_pipeline.suite_units import did_you_mean

_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)  # (?<!:) spares http:// in strings
_CALL = re.compile(r"\bperform\(\s*(['\"`])([^'\"`]*)\1")


def check_script(suite: Suite, top: Section, endpoints: Section, shown: Callable[[Path], str]) -> list[str]:
    """Adds problems of the suite file to its sections; returns those of a script, with its file and line."""
    script = suite.folder / suite.script
    if not script.is_file():
        top.problem(f"'{suite.script}' is not in the suite's folder; write it or name another", "script")
        return []
    if not suite.endpoints:
        return []  # the section is missing or broken, which has been said
    files = [script, *(file for file in sorted(suite.folder.glob("*.js")) if file != script)]
    texts = {file: _without_comments(file.read_text(encoding="utf-8")) for file in files}
    for name, endpoint in suite.endpoints.items():
        named = any(f"{quote}{name}{quote}" in text for text in texts.values() for quote in "'\"`")
        if not named and endpoint.weight > 0:
            endpoints.problem(
                f"{suite.script} never calls it; call perform('{name}', ...) there,"
                " or remove the endpoint and its SLO",
                name,
            )
    return [
        f"{shown(file)}:{text.count(chr(10), 0, call.start()) + 1}: calls '{call.group(2)}', which is not in"
        f" endpoints of the suite{did_you_mean(call.group(2), list(suite.endpoints))}"
        for file, text in texts.items()
        for call in _CALL.finditer(text)
        if call.group(2) not in suite.endpoints
    ]


def _without_comments(text: str) -> str:
    """Comments become blanks; lines keep their numbers."""
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
