"""The command as it was called: after ``make bench`` it is ``.venv/bin/perf-pipeline``, not on PATH.

Every text names it ``perf-pipeline``; the terminal shows what can be copied and run.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

NAME = "perf-pipeline"
# A command in a text: at its begin or quoted, with a verb behind it. Not "written by another perf-pipeline".
_COMMAND = re.compile(rf"(?:^|(?<=[`'])){NAME}(?= [a-z])")


def command() -> str:
    """What a person types in this folder to call it again."""
    called = Path(sys.argv[0])
    if called.name != NAME:
        return NAME  # not the command at all: a test, or another program that imports us
    on_path = shutil.which(NAME)
    if on_path is not None and Path(on_path).resolve() == called.resolve():
        return NAME
    here = called.absolute()
    shown = here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here
    return shlex.quote(str(shown) if len(shown.parts) > 1 else f"./{shown}")


def as_called(text: str) -> str:
    """``text`` with its commands as they were called."""
    return _COMMAND.sub(lambda _: command(), text)
