"""Whose fault is it when the plan was not kept, and when did the target stop answering? Pure.

**Dropped iterations.** With a fixed arrival rate k6 drops an iteration when no user is free. At that moment
we count the users who were waiting for a late answer. Late means: later than the p95 objective of its
endpoint, or never. If they are at least half of all users, the target held them: with timely answers they
would have been free. Otherwise the target kept its promise and the generator was short: too few users, or
too slow a machine. A user is known to be waiting by a late request in flight, or by an iteration in flight
that took longer than all its objectives together (that covers a connection that was never made, which k6
counts as 0 ms). Iterations that k6 interrupted at the end left no samples; they count as waiting from the
last answer on.

**Target lost.** From the last answer of the target on, every request that was started went unanswered
(refused, reset, timed out), and there were at least 10 of them, or they went on for at least 3 s. Or, when
all users were stuck in requests that k6 interrupted in the end: nothing at all was answered in the last 3 s
of the load.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HELD_SHARE = 0.5
LOST_REQUESTS = 10
LOST_SILENCE_MS = 3_000.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spans:
    """Things with a start and an end, in Unix milliseconds; arrays of shape (n,)."""

    start: Floats
    end: Floats

    def open_at(self, times: Floats) -> npt.NDArray[np.int64]:
        """How many are open at each time: started at or before it, and not over."""
        started = np.searchsorted(np.sort(self.start), times, side="right")
        over = np.searchsorted(np.sort(self.end), times, side="right")
        return np.asarray(started - over, dtype=np.int64)

    def with_open_ended(self, count: int, start: float, end: float) -> Spans:
        """These and ``count`` more of the given span."""
        return Spans(np.append(self.start, [start] * count), np.append(self.end, [end] * count))


def dropped_while_held(
    *,
    drop_times: Floats,
    drop_counts: Floats,
    late_requests: Spans,
    late_iterations: Spans,
    interrupted: int,
    last_answer_unix_ms: float,
    load_end_unix_ms: float,
    max_users: int,
) -> int:
    """How many of the dropped iterations fell when the target held at least half of all users."""
    if drop_times.size == 0:
        return 0
    requests = late_requests.with_open_ended(interrupted, last_answer_unix_ms, load_end_unix_ms + 1.0)
    waiting = np.maximum(requests.open_at(drop_times), late_iterations.open_at(drop_times))
    return int(drop_counts[waiting >= HELD_SHARE * max_users].sum())


def target_lost_at(
    *,
    answered_end: Floats,
    unanswered: Spans,
    interrupted: int,
    load_start_unix_ms: float,
    load_end_unix_ms: float,
) -> float | None:
    """Unix milliseconds from which on the target answered nothing, through the end; None: it was there.

    ``answered_end``: ends of all requests that got any answer, even a bad one; ``unanswered``: all others.
    """
    last_answer = float(answered_end.max()) if answered_end.size else load_start_unix_ms
    after = unanswered.start >= last_answer
    count = int(after.sum())
    if count:
        first = float(unanswered.start[after].min())
        went_on_ms = float(unanswered.end[after].max()) - first
        if count >= LOST_REQUESTS or went_on_ms >= LOST_SILENCE_MS:
            return first
    if interrupted and load_end_unix_ms - last_answer >= LOST_SILENCE_MS:
        return last_answer
    return None
