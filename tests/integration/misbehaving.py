"""A real HTTP server on loopback that answers whatever a test wants, however badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

STALL_S = 30.0


class Handler(BaseHTTPRequestHandler):
    """One request; what an answer needs of it."""

    server: Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append((parts.path, parse_qs(parts.query), dict(self.headers)))
        answer = self.server.answers.get(parts.path)
        try:
            if answer is None:
                self.send_error(404)
            else:
                answer(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked has heard enough

    def log_message(self, format: str, *args: object) -> None:  # noqa: ARG002
        return

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def wait(self, seconds: float) -> None:
        """As long, or until the test is over."""
        self.server.over.wait(seconds)


Answer = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    """``answers``: path -> answer; ``asked``: path, query and headers of each request."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(answers: Mapping[str, Answer] | None = None, port: int = 0) -> Iterator[Server]:
    with Server(port) as server:
        server.answers.update(answers or {})
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join(10)


def says(value: Any) -> Answer:
    """JSON, as it should be."""
    return lambda request: request.send(200, json.dumps(value).encode(), Content_Type="application/json")


def one_after_the_other(*values: Any) -> Answer:
    """Each request gets the next one, round and round: replicas behind a balancer."""
    lock, number = threading.Lock(), iter(range(10**9))

    def answer(request: Handler) -> None:
        with lock:
            turn = next(number)
        says(values[turn % len(values)])(request)

    return answer


def sends(body: bytes, status: int = 200, **headers: str) -> Answer:
    return lambda request: request.send(status, body, **headers)


def stalls(request: Handler) -> None:
    """Takes the request and says nothing."""
    request.wait(STALL_S)


def drips_its_headers(request: Handler) -> None:
    """Byte after byte: every single read succeeds."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(request)


def drips_its_body(request: Handler) -> None:
    request.send_response(200)
    request.end_headers()
    _drip(request)


def _drip(request: Handler) -> None:
    for _ in range(round(STALL_S * 10)):
        request.wfile.write(b"x")
        request.wait(0.1)
        if request.server.over.is_set():
            return


def sends_five_megabytes(request: Handler) -> None:
    request.send(200, b'{"version": "' + b"1" * 5_000_000 + b'"}')


def hangs_up(request: Handler) -> None:
    request.connection.close()
