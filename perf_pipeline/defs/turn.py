"""Waits until a benchmark may begin: one at a time on this host and against its target, whoever starts it.

Dagster's pool keeps runs of one instance in its queue. What the queue does not see is met here, in the first
step: a run of another project on this machine (the host's lock) and one of another host against the same
target (the store).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from perf_pipeline.core.model import RunRequest
from perf_pipeline.defs.ledger import Ledger
from perf_pipeline.defs.lost import longest
from perf_pipeline.defs.running_stack import RunningStack
from perf_pipeline.stack.base import NotReady
from perf_pipeline.store.errors import BusyError, SupersededError
from perf_pipeline.suite import Suite

LOOK_EVERY_S = 1.0
# Why a run is not ready; as the stack's own lock says it:
BUSY = "busy"
PAUSED = "paused"
SUPERSEDED = "superseded"
_HINT = "; `perf-pipeline run --wait 30m` waits for it"


def longest_wait_s(suite: Suite) -> float:
    """As long as the longest run of the suite can take, with all that is around its load."""
    return max(longest(target) for target in suite.targets.values()).total_seconds()


def begin_in_turn(
    request: RunRequest,
    suite: Suite,
    *,
    ledger: Ledger,
    stack: RunningStack,
    wait_s: float,
    despite_pause: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Begin the benchmark, with the host its own; wait up to ``wait_s`` where another one is in the way.

    A run that waits holds nothing that keeps others out. Raises NotReady: ``paused``, ``busy``,
    ``superseded``, ``lock_unusable``.
    """
    deadline = time.monotonic() + wait_s
    waits_for: str | None = None
    while True:
        pause = None if despite_pause else ledger.paused(request)
        if pause is not None:
            raise NotReady(PAUSED, pause)
        in_the_way = _try_to_begin(request, suite, ledger, stack)
        if in_the_way is None:
            return
        if time.monotonic() >= deadline:
            waited = f" (waited {_words(wait_s)} for its turn)" if wait_s else _HINT
            raise NotReady(BUSY, in_the_way.rstrip(".") + waited)
        if in_the_way != waits_for:
            waits_for = in_the_way
            ledger.wait_in_line(request, suite.targets[request.target], waits_for)
            say(f"waits for its turn, at most {_words(wait_s)}: {waits_for}")
        time.sleep(LOOK_EVERY_S)


def _words(duration_s: float) -> str:
    return f"{duration_s:.0f} s" if duration_s < 120 else f"{duration_s / 60:.0f} min"


def _try_to_begin(request: RunRequest, suite: Suite, ledger: Ledger, stack: RunningStack) -> str | None:
    """Who is in the way, in one sentence; None: the benchmark has begun."""
    try:
        stack.take_host(ledger.run_id)
    except NotReady as error:
        if error.name != BUSY:
            raise
        return error.sentence
    try:
        ledger.begin(request, suite.targets[request.target])
    except BusyError as error:
        stack.stop()
        if isinstance(error, SupersededError):
            raise NotReady(SUPERSEDED, str(error)) from None
        return str(error)
    return None
