"""The control beside the target: started by us, or found where the suite says that one runs.

A run goes on without it: whatever is wrong with a control is a ``problem``, a sentence, never a NotReady.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from perf_pipeline import ports
from perf_pipeline.conventions import CONTROL_ANSWER, CONTROL_PATH
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.servers import Server, start_server
from perf_pipeline.stack.target import check_allowed
from perf_pipeline.suite import Suite, Target

CONTROL_LOG = "control.log"
DEADLINE_S = 20.0  # it starts in half a second
TIMEOUT = httpx.Timeout(2.0)

_COMMAND = (sys.executable, "-m", "perf_pipeline.control")
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Control:
    """Where it is; both empty: the suite wants none."""

    url: str | None = None
    problem: str = ""  # why there is none although the suite wants one


@dataclass(frozen=True)
class StartingControl:
    """One that may still be coming up."""

    url: str | None = None
    server: Server | None = None
    problem: str = ""

    def wait(self) -> Control:
        """Ready, or why not."""
        url = self.url
        if url is None:
            return Control(problem=self.problem)
        if self.server is None:
            problem = _problem(url)
            return Control(problem=problem) if problem else Control(url)
        try:
            self.server.wait_until(lambda: not _problem(url), DEADLINE_S)
        except NotReady as reason:
            return Control(problem=reason.sentence)
        return Control(url)


def start_control(
    suite: Suite, target: Target, *, home: Path, run_folder: Path, until: ExitStack
) -> StartingControl:
    """Start it if it is ours, to end when ``until`` is closed."""
    if target.control is False:
        return StartingControl()
    try:
        if isinstance(target.control, str):
            check_allowed(target.control, suite.allowed_origins)
            return StartingControl(target.control)
        port = ports.free_port()
        server = start_server(
            [*_COMMAND, "--port", str(port), "--end-with", str(os.getpid())],
            title="the control",
            failure="control_failed",
            home=home,
            log=run_folder / CONTROL_LOG,
            until=until,
            cwd=_PACKAGE_ROOT,  # runs without an installation, too
        )
    except NotReady as reason:
        return StartingControl(problem=reason.sentence)
    return StartingControl(f"http://{ports.LOOPBACK}:{port}", server)


def look_at_control(suite: Suite, target: Target) -> tuple[str, str]:
    """(what a run would have as its control, what to do about it or empty). Starts nothing."""
    if target.control is False:
        return "none is loaded: a slow machine cannot be told from a slow service", ""
    if target.control is True:
        return "started beside the generator by each run", ""
    try:
        check_allowed(target.control, suite.allowed_origins)
        problem = _problem(target.control)
    except NotReady as reason:
        problem = reason.sentence
    if problem:
        return problem, "a run goes on without a control, with a warning"
    return f"the one at {target.control} does its work", ""


def _problem(url: str) -> str:
    """What is wrong with the control there, or empty."""
    try:
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url + CONTROL_PATH) as response,
        ):
            start = next(response.iter_bytes(len(CONTROL_ANSWER) + 1), b"")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"the control at {url} gives no answer ({type(error).__name__}): start it there"
    if response.status_code != httpx.codes.OK or start != CONTROL_ANSWER.encode():
        return (
            f"the control at {url} answers something else than the control of this version: "
            "start that one there"
        )
    return ""
