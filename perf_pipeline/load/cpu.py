"""CPU of the generator's machine while the load runs, once a second."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil

from perf_pipeline.core.model import CpuUse

INTERVAL_S = 1.0


@dataclass(frozen=True)
class CpuSample:
    """Mean over one interval, as shares of all cores."""

    middle_unix_ms: float
    host_ratio: float
    k6_ratio: float
    target_ratio: float | None


class CpuSampler:
    """Samples in a thread until stopped; which of them count is decided when the phase is known."""

    def __init__(self, k6_pid: int, target_pid: int | None) -> None:
        self._k6 = _Tree(k6_pid)
        self._target = _Tree(target_pid) if target_pid is not None else None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cpu-sampler", daemon=True)
        self.samples: list[CpuSample] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2 * INTERVAL_S)

    def _run(self) -> None:
        cores = psutil.cpu_count() or 1
        before, at = psutil.cpu_times(), time.monotonic()
        self._k6.used_s()
        if self._target:
            self._target.used_s()
        while not self._stop.wait(INTERVAL_S):
            now, then = psutil.cpu_times(), time.monotonic()
            available_s = (then - at) * cores
            target_s = self._target.used_s() if self._target else None
            self.samples.append(
                CpuSample(
                    middle_unix_ms=(time.time() - (then - at) / 2) * 1000,
                    host_ratio=_busy(before, now),
                    k6_ratio=self._k6.used_s() / available_s,
                    target_ratio=None if target_s is None else target_s / available_s,
                )
            )
            before, at = now, then


def cpu_use(samples: list[CpuSample], start_unix_ms: float, end_unix_ms: float) -> CpuUse | None:
    """Mean and maximum over the samples of one phase; None when there is none."""
    phase = [sample for sample in samples if start_unix_ms <= sample.middle_unix_ms <= end_unix_ms]
    if not phase:
        return None
    target = [sample.target_ratio for sample in phase if sample.target_ratio is not None]
    return CpuUse(
        host_mean_ratio=_mean([sample.host_ratio for sample in phase]),
        host_max_ratio=max(sample.host_ratio for sample in phase),
        k6_mean_ratio=_mean([sample.k6_ratio for sample in phase]),
        target_mean_ratio=_mean(target) if target else None,
    )


class _Tree:
    """CPU seconds that a process and its children used since the last call."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before: dict[int, float] = {}

    def used_s(self) -> float:
        now: dict[int, float] = {}
        try:
            root = psutil.Process(self._pid)
            for process in [root, *root.children(recursive=True)]:
                try:
                    times = process.cpu_times()
                    now[process.pid] = times.user + times.system
                except psutil.Error:
                    continue
        except psutil.Error:
            pass
        used = sum(max(0.0, value - self._before.get(pid, 0.0)) for pid, value in now.items())
        first = not self._before
        self._before = now
        return 0.0 if first else used


def _busy(before: Any, now: Any) -> float:
    """Share of all cores' time between two ``psutil.cpu_times()`` that was not idle."""
    deltas = {name: getattr(now, name) - getattr(before, name) for name in now._fields}
    # Guest time is part of user time already; waiting for a disk is idle time.
    total = sum(value for name, value in deltas.items() if name not in ("guest", "guest_nice"))
    idle = deltas.get("idle", 0.0) + deltas.get("iowait", 0.0)
    return min(1.0, max(0.0, 1.0 - idle / total)) if total > 0 else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
