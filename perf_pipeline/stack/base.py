"""What every way of bringing the parts up has in common."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Protocol

from perf_pipeline.core.model import RunRequest, StackState
from perf_pipeline.suite import Suite


class NotReady(Exception):  # noqa: N818 - the design's word for this outcome
    """The load must not start; ``sentence`` says what is missing and what to do about it."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name
        self.sentence = sentence


class Stack(Protocol):
    """Prometheus and the target, started by us or by somebody else."""

    kind: str  # the fingerprint's ``stack``
    notes: list[str]  # what a person should know of the last start, such as a port that was taken

    @property
    def prometheus_url(self) -> str | None:
        """Of the Prometheus that should be up at this moment; None: there is none."""

    @property
    def prometheus_data(self) -> Path | None:
        """Data folder of that Prometheus, if this stack started it and may ask it for a snapshot."""

    def take_host(self, run_id: str) -> None:
        """Keep every other benchmark off this host until ``stop``, and end what dead ones left behind.

        Raises NotReady, ``busy`` when another one has it. Once taken, taking it again changes nothing.
        """

    def start(self, *, suite: Suite, request: RunRequest, run_id: str, run_folder: Path) -> StackState:
        """Bring everything up and check it. Raises NotReady; nothing is left running after any exception."""

    def ensure_prometheus(self, state: StackState) -> str:
        """URL of a Prometheus that holds the run's samples, started if need be. Raises NotReady.

        For steps that are executed again after the stack has gone, and for a Prometheus that died.
        """

    def stop(self) -> None:
        """End what ``start`` or ``ensure_prometheus`` started, nothing else. May be called at any time."""


def host_class() -> str:
    """The generator's machine as far as it matters for comparing runs, such as ``linux-x86_64-2cpu``."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{platform.system()}-{platform.machine()}-{usable}cpu".lower()
