"""``python -m perf_pipeline.control --port N``: the control as a process of its own, on loopback."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import uvicorn

from perf_pipeline.control.work import work
from perf_pipeline.conventions import CONTROL_PATH, EXIT_CONFIGURATION
from perf_pipeline.ports import LOOPBACK

GRACE_S = 0.5
PARENT_POLL_S = 1.0
_HEADERS = [(b"content-type", b"text/plain")]

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """ASGI. One process, one thread: requests that come together are done one after the other."""
    del receive
    known = scope["path"] == CONTROL_PATH
    body = work().encode() if known else b"not found"
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200 if known else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m perf_pipeline.control", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="TCP port; 0 takes a free one and prints it")
    parser.add_argument(
        "--end-with", type=int, metavar="PID", help="end when PID, which must have started it, has ended"
    )
    options = parser.parse_args(argv)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, options.port))
        except (OSError, OverflowError) as error:
            print(f"Cannot listen on port {options.port} of {LOOPBACK}: {error}.", file=sys.stderr)
            return EXIT_CONFIGURATION
        print(f"Control on http://{LOOPBACK}:{listener.getsockname()[1]}{CONTROL_PATH}", flush=True)
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(listener, options.end_with))
    return 0


async def _serve(listener: socket.socket, parent: int | None) -> None:
    """``parent``: the pid to end with; an orphan has another parent."""
    config = uvicorn.Config(
        application,
        access_log=False,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,  # type: ignore[arg-type]  # asyncio takes fractions
    )
    server = uvicorn.Server(config)
    watch = asyncio.create_task(_end_with(parent, server)) if parent is not None else None
    await server.serve(sockets=[listener])
    if watch is not None:
        watch.cancel()


async def _end_with(parent: int, server: uvicorn.Server) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_POLL_S)
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
