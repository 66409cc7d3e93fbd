"""Sees to it that whoever asks this process to end is heard: Ctrl-C, SIGTERM, a closed terminal.

Python and Dagster raise an interrupt where they can, and there are moments in which it is lost: in the middle
of an import, in a callback, at the end of a stretch that must not be interrupted. And a process that a shell
started in the background ignores SIGINT from its birth.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

INSIST_AFTER_S = 10.0  # longer than an orderly end takes; one that takes longer is shortened, no more
JOIN_S = 5.0
_ASK_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_active: list[Asked] = []


class Asked:
    """Whether somebody has asked this process to end. False until then."""

    def __init__(self) -> None:
        self._heard = False

    def __bool__(self) -> bool:
        return self._heard

    def hear(self) -> None:
        """Somebody has."""
        self._heard = True


def listen() -> None:
    """SIGINT and SIGTERM interrupt this process, whatever it was started with. In the main thread only."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def deferred() -> Iterator[None]:
    """An interrupt waits until the end of this, and is raised there as KeyboardInterrupt."""
    if not _in_main_thread():
        yield
        return
    asked = Asked()
    before = {one: signal.getsignal(one) for one in _ASK_TO_END}
    for one in _ASK_TO_END:
        if before[one] is not signal.SIG_IGN:
            signal.signal(one, lambda *_: asked.hear())
    try:
        yield
    finally:
        _restore(before)
        if asked:
            raise KeyboardInterrupt


@contextmanager
def insisting() -> Iterator[Asked]:
    """``watching``, with all signals that ask to end listened to."""
    if not _in_main_thread():
        yield Asked()
        return
    before = {one: signal.getsignal(one) for one in _ASK_TO_END}
    listen()
    try:
        with watching() as asked:
            yield asked
    finally:
        _restore(before)


@contextmanager
def watching() -> Iterator[Asked]:
    """Meanwhile a signal that asks to end is sent again while it has no effect. Within itself it is one.

    SIGHUP does what Ctrl-C does (by default k6 would load on alone); under ``nohup`` it stays ignored.
    Nothing happens outside the main thread.
    """
    asked = Asked()
    if not _in_main_thread() or _active:
        yield _active[-1] if _active else asked
        return
    hangup = signal.getsignal(signal.SIGHUP)
    if hangup is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)  # told of each, whoever handles it
    watcher = threading.Thread(target=_insist, args=(reader, asked), name="signal-watcher", daemon=True)
    watcher.start()
    _active.append(asked)
    try:
        yield asked
    finally:
        _active.clear()
        signal.set_wakeup_fd(before)
        _restore({signal.SIGHUP: hangup})
        os.close(writer)  # the watcher reads the end of the pipe, and ends
        watcher.join(JOIN_S)
        os.close(reader)


def was_asked() -> bool:
    """Whether somebody has asked this process to end while it was ``watching``."""
    return bool(_active and _active[-1])


def _insist(reader: int, asked: Asked) -> None:
    while True:
        ready, _, _ = select.select([reader], [], [], INSIST_AFTER_S)
        if ready:
            heard = os.read(reader, 64)
            if not heard:
                return
            if set(heard) & set(_ASK_TO_END):
                asked.hear()
        elif asked:
            os.kill(os.getpid(), signal.SIGINT)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _restore(handlers: Mapping[signal.Signals, object]) -> None:
    for one, handler in handlers.items():
        signal.signal(one, handler if callable(handler) or isinstance(handler, int) else signal.SIG_DFL)
