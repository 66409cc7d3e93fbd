"""Whoever asks a process to end is heard, whatever it was started with and whatever it is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from perf_pipeline import signals

IN_THE_BACKGROUND = """
import signal, sys, time
from perf_pipeline.signals import listen
listen()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def ask(one: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), one)


def wait_for_an_interrupt() -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        time.sleep(0.01)


class TestAProcessThatListens:
    @pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM])
    def test_is_interrupted_though_a_shell_started_it_in_the_background(self, one: signal.Signals) -> None:
        with subprocess.Popen(
            ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", IN_THE_BACKGROUND],
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(one)
            assert process.wait(PATIENCE_S) == 130


class TestAnInterrupt:
    @pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM])
    def test_that_is_deferred_is_raised_at_the_end(self, one: signal.Signals) -> None:
        done = []
        with pytest.raises(KeyboardInterrupt), signals.deferred():
            ask(one)
            done.append("all of it")
        assert done == ["all of it"]

    @pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_that_was_swallowed_comes_again(
        self, monkeypatch: pytest.MonkeyPatch, one: signal.Signals
    ) -> None:
        monkeypatch.setattr(signals, "INSIST_AFTER_S", 0.05)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with signals.insisting() as asked:
            assert not asked
            with pytest.raises(KeyboardInterrupt):
                ask(one)
                wait_for_an_interrupt()
            with pytest.raises(KeyboardInterrupt):
                wait_for_an_interrupt()
        assert asked

    def test_that_nobody_sent_does_not_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(signals, "INSIST_AFTER_S", 0.01)
        with signals.insisting() as asked:
            time.sleep(0.1)
        assert not asked

    def test_by_a_closed_terminal_is_none_under_nohup(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with signals.insisting() as asked, signals.deferred():
            ask(signal.SIGHUP)
        assert not asked
