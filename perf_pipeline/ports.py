"""Ports on loopback: the usual ones, or free ones when those are taken."""

from __future__ import annotations

import socket

import psutil

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that have ended and linger must not count as somebody listening.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose_port(usual: int) -> int:
    """``usual`` when it is free, else some free port."""
    return usual if is_free(usual) else free_port()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def holder(port: int) -> str | None:
    """Who listens on this port, such as ``prometheus (pid 4711)``; None when nobody does.

    Another user's process cannot be named without root: it is then ``another user's process``.
    """
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        connections = []
    for connection in connections:
        here = connection.laddr.port if connection.laddr else None
        if connection.status == psutil.CONN_LISTEN and here == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                break
    return None if is_free(port) else "another user's process"
