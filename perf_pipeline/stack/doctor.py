"""Would a benchmark start now? Everything it needs, looked at in parallel and within three seconds."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perf_pipeline import ports
from perf_pipeline.conventions import ENV_HOME
from perf_pipeline.core.validity import MAX_CLOCK_SKEW_S
from perf_pipeline.load.errors import LoadError
from perf_pipeline.load.probe import find_k6
from perf_pipeline.processes import find_orphans
from perf_pipeline.stack import prometheus_server, tools
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.control import look_at_control
from perf_pipeline.stack.embedded import USUAL_BACKEND_PORT, EmbeddedStack
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.stack.prometheus_server import Prometheus
from perf_pipeline.stack.target import check_allowed, probe_health, secret_headers
from perf_pipeline.suite import Suite, Target

DEADLINE_S = 2.0  # for all checks together; Python's own start takes most of the third second
LOW_DISK_BYTES = 2 * 1024**3
NO_DISK_BYTES = 200 * 1024**2
_OTHER_HOME = f"set {ENV_HOME} to a folder of yours"


@dataclass(frozen=True)
class Check:
    """One thing that a benchmark needs. ``advice`` on a check that is ok makes it a warning."""

    name: str
    ok: bool
    sentence: str
    advice: str = ""


def run_checks(
    suite: Suite,
    target: str,
    *,
    home: Path,
    tools: Path,
    stack_kind: str = EmbeddedStack.kind,
    prometheus_url: str | None = None,
    more: Mapping[str, Callable[[], Check]] | None = None,
) -> list[Check]:
    """All checks for one target, in a fixed order; none raises.

    ``prometheus_url``: of the external stack. ``more``: checks of the caller, within the same deadline.
    Starts, installs and sends load to nothing.
    """
    wanted = suite.targets.get(target)
    if wanted is None:
        return _in_parallel({"target": lambda: _unknown_target(suite, target), **(more or {})})
    embedded = stack_kind == EmbeddedStack.kind
    external = Prometheus(prometheus_url) if prometheus_url and not embedded else None
    checks: dict[str, Callable[[], Check]] = {
        "k6": _k6,
        "prometheus": (lambda: _prometheus_there(external))
        if external
        else (lambda: _prometheus_here(tools)),
        "target": lambda: _target(suite, wanted, embedded=embedded),
        "control": lambda: Check("control", True, *look_at_control(suite, wanted)),
        "clock": lambda: _clock(suite, wanted, external),
        "ports": lambda: _ports(wanted, embedded=embedded),
        "disk": lambda: _disk(home),
        "machine": lambda: _machine(home),
        **(more or {}),
    }
    return _in_parallel(checks)


def _in_parallel(checks: dict[str, Callable[[], Check]]) -> list[Check]:
    """Daemon threads: one that hangs on a network does not keep the command from ending."""
    found: dict[str, Check] = {}

    def look(name: str, check: Callable[[], Check]) -> None:
        try:
            found[name] = check()
        except Exception as error:  # whatever the reason, a check that fails is a finding
            found[name] = Check(name, False, f"could not be checked: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=look, args=item, daemon=True) for item in checks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + DEADLINE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"gave no answer within {DEADLINE_S:g} s"
    return [
        found.get(name) or Check(name, False, late, "is the network or the disk stuck?") for name in checks
    ]


def _k6() -> Check:
    try:
        k6 = find_k6()
    except LoadError as error:
        return Check("k6", False, str(error), "run `make setup`, or put k6 on PATH")
    return Check("k6", True, f"k6 {k6} at {k6.path}")


def _prometheus_here(folder: Path) -> Check:
    try:
        binary = tools.find_prometheus(folder)
    except tools.ToolError as error:
        return Check("prometheus", False, str(error), f"correct or unset {tools.ENV_PROMETHEUS}")
    if binary is not None:
        version = ".".join(map(str, tools.prometheus_version(binary) or ()))
        return Check("prometheus", True, f"Prometheus {version} at {binary}")
    if tools.can_install():
        sentence = f"not here yet: the first run unpacks Debian's package into {folder} (20 MB, no root)"
        return Check("prometheus", True, sentence)
    return Check("prometheus", False, "no prometheus on PATH, and this is not a Debian system", tools.ADVICE)


def _prometheus_there(prometheus: Prometheus) -> Check:
    try:
        version = prometheus.version()
        writable = prometheus.accepts_remote_write()
    except NotReady as error:
        return Check("prometheus", False, error.sentence, "or leave --prometheus out")
    if not writable:
        sentence = f"Prometheus {version} at {prometheus.url} accepts no remote write"
        return Check("prometheus", False, sentence, "start it with --web.enable-remote-write-receiver")
    return Check("prometheus", True, f"Prometheus {version} at {prometheus.url} accepts remote write")


def _unknown_target(suite: Suite, name: str) -> Check:
    known = ", ".join(sorted(suite.targets))
    return Check("target", False, f"suite {suite.name} has no target {name!r}", f"choose one of: {known}")


def _target(suite: Suite, target: Target, *, embedded: bool) -> Check:
    try:
        secret_headers(target)
        if target.base_url is None:
            if embedded:
                return Check("target", True, f"{target.name}: the reference backend, started by each run")
            sentence = f"{target.name} has no base_url, and the external stack starts no reference backend"
            return Check("target", False, sentence, "choose another target, or leave --prometheus out")
        check_allowed(target.base_url, suite.allowed_origins)
        probe_health(target.base_url, target)
    except NotReady as error:
        return Check("target", False, error.sentence, f"a run would end as not_ready ({error.name})")
    return Check("target", True, f"{target.name}: {target.base_url} is allowed and healthy")


def _clock(suite: Suite, target: Target, prometheus: Prometheus | None) -> Check:
    """Only clocks of other machines can differ from ours."""
    skews: dict[str, float | None] = {}
    if prometheus is not None:
        skews["Prometheus"] = prometheus.clock_skew_s()
    if target.base_url is not None:
        try:
            check_allowed(target.base_url, suite.allowed_origins)
            skews["the target"] = probe_health(target.base_url, target).clock_skew_s
        except NotReady:
            skews["the target"] = None
    if not skews:
        return Check("clock", True, "everything runs on this machine: one clock")
    read = {who: skew for who, skew in skews.items() if skew is not None}
    sentence = ", ".join(f"{who} {skews[who]:+.1f} s" if who in read else f"{who} unknown" for who in skews)
    off = [who for who, skew in read.items() if abs(skew) > MAX_CLOCK_SKEW_S]
    advice = f"set the clock by NTP: over {MAX_CLOCK_SKEW_S:.0f} s apart a run is invalid" if off else ""
    return Check("clock", not off, f"against ours: {sentence}", advice)


def _ports(target: Target, *, embedded: bool) -> Check:
    usual = {"Prometheus": prometheus_server.USUAL_PORT} if embedded else {}
    if embedded and target.base_url is None:
        usual["the reference backend"] = USUAL_BACKEND_PORT
    if not usual:
        return Check("ports", True, "none is needed: the stack runs elsewhere")
    said, taken = [], False
    for title, port in usual.items():
        by = ports.holder(port)
        taken = taken or by is not None
        said.append(f"{port} ({title}) is free" if by is None else f"{port} ({title}) is taken by {by}")
    return Check("ports", True, "; ".join(said), "a run takes free ports instead" if taken else "")


def _disk(home: Path) -> Check:
    folder = next(place for place in (home, *home.parents) if place.exists())
    if not folder.is_dir():
        return Check("disk", False, f"{folder} is not a folder", _OTHER_HOME)
    free = shutil.disk_usage(folder).free
    sentence = f"{free / 1024**3:.1f} GB free for {home}"
    if not os.access(folder, os.W_OK):
        return Check("disk", False, f"{folder} is not writable", _OTHER_HOME)
    advice = (
        "free some: raw samples and Prometheus' data take about 60 bytes per sample"
        if free < LOW_DISK_BYTES
        else ""
    )
    return Check("disk", free >= NO_DISK_BYTES, sentence, advice)


def _machine(home: Path) -> Check:
    busy = HostLock().busy()
    if busy is not None:
        return Check("machine", False, busy, "a run started now would end as not_ready (busy)")
    orphans = find_orphans(home)
    if orphans:
        sentence = f"still there of a run that died: {', '.join(orphans)}"
        return Check("machine", True, sentence, "the next run ends them; so does Dagster's daemon in 30 s")
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    advice = "what else runs here adds noise, or makes runs invalid" if load > 0.5 * cores else ""
    return Check("machine", True, f"no benchmark is running; load {load:.1f} on {cores} cores", advice)
