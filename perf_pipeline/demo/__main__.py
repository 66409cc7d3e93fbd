"""``python -m perf_pipeline.demo``: the reference backend as a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from perf_pipeline.conventions import EXIT_CONFIGURATION
from perf_pipeline.demo import database, fixtures
from perf_pipeline.demo.app import create_app
from perf_pipeline.demo.faults import EXAMPLES, Faults, parse_faults

ENV_FAULTS = "PERF_DEMO_FAULTS"
ENV_REVISION = "PERF_DEMO_REVISION"
ENV_DAYS = "PERF_DEMO_DAYS"
DEFAULT_REVISION = "1.0.0"
DEFAULT_DAYS = 730
FEWEST_DAYS, MOST_DAYS = 30, 3650
GRACE_S = 0.5  # for answers that a fault holds back; all others are finished at once


class _UsageError(Exception):
    """One sentence for the person who typed the command."""


def main(argv: Sequence[str] | None = None) -> int:
    try:
        _serve(_options(argv))
    except (_UsageError, database.DataFolderInUseError) as mistake:
        print(mistake, file=sys.stderr)
        return EXIT_CONFIGURATION
    except KeyboardInterrupt:
        return 130
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m perf_pipeline.demo", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="TCP port; 0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder for the SQLite files")
    parser.add_argument(
        "--revision",
        default=os.environ.get(ENV_REVISION, DEFAULT_REVISION),
        help=f"what it says it runs (default: ${ENV_REVISION} or {DEFAULT_REVISION})",
    )
    parser.add_argument(
        "--days",
        default=os.environ.get(ENV_DAYS, str(DEFAULT_DAYS)),
        help=f"days of prices and recommendations (default: ${ENV_DAYS} or {DEFAULT_DAYS})",
    )
    parser.add_argument(
        "--faults",
        default=os.environ.get(ENV_FAULTS, ""),
        help=f"comma-separated (default: ${ENV_FAULTS} or none): "
        + "; ".join(EXAMPLES.values()).replace("%", "%%"),
    )
    return parser.parse_args(argv)


def _serve(options: argparse.Namespace) -> None:
    faults = _faults(options.faults)
    days = _days(options.days)
    with _listening(options.host, options.port) as listener, database.claim(options.data_dir):
        try:
            database.build_market(options.data_dir, days)
        except OSError as error:
            raise _UsageError(f"Cannot write the fixtures to {options.data_dir}: {error}.") from error
        app = create_app(data_dir=options.data_dir, days=days, revision=options.revision, faults=faults)
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,  # type: ignore[arg-type]  # asyncio takes fractions
        )
        host, port = listener.getsockname()[:2]
        volume = fixtures.data_volume(days)
        print(f"Reference backend {options.revision} ({volume}) on http://{host}:{port}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])  # exits with 3 when the application cannot start


def _faults(text: str) -> Faults:
    try:
        return parse_faults(text)
    except ValueError as error:
        raise _UsageError(error) from error


def _days(text: str) -> int:
    if not text.isdecimal() or not FEWEST_DAYS <= int(text) <= MOST_DAYS:
        raise _UsageError(
            f"The data volume of '{text}' days does not work: give {FEWEST_DAYS} to {MOST_DAYS}, "
            f"for example --days {DEFAULT_DAYS}."
        )
    return int(text)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                raise _UsageError(f"Port {port} on {host} is already in use: give another --port.") from error
            raise _UsageError(f"Cannot listen on port {port} of {host}: {error}.") from error
        yield listener


if __name__ == "__main__":
    sys.exit(main())
