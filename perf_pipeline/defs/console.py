"""Dagster's log on the console: as ever, but silent in a process that shows its own progress."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Field, InitLoggerContext, colored_console_logger, logger

_silent = False


@contextmanager
def silent_console() -> Iterator[None]:
    """Meanwhile runs of this process log to Dagster's event log only."""
    global _silent  # noqa: PLW0603 - loggers are made by Dagster, deep inside the run
    before, _silent = _silent, True
    try:
        yield
    finally:
        _silent = before


@logger({"log_level": Field(str, default_value="INFO"), "name": Field(str, default_value="dagster")})
def console_logger(context: InitLoggerContext) -> logging.Logger:
    """Not a run config: that would be kept with the run and silence its re-execution from the UI too."""
    if _silent:
        quiet = logging.Logger("perf_pipeline.silent", level=logging.CRITICAL + 1)
        quiet.addHandler(logging.NullHandler())
        return quiet
    return colored_console_logger.logger_fn(context)
