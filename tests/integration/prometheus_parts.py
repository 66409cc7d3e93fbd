"""A Prometheus for one test, on data that may be there already, and what it answers."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from perf_pipeline.ports import free_port
from perf_pipeline.stack.prometheus_server import Prometheus, arguments
from perf_pipeline.stack.servers import start_server


def ask(url: str, query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=10, trust_env=False)
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def values(url: str, query: str) -> list[float]:
    return [float(series["value"][1]) for series in ask(url, query)]


def start_prometheus(
    binary: Path, folder: Path, data: Path, until: ExitStack, *, admin_api: bool = False
) -> str:
    address = f"127.0.0.1:{free_port()}"
    config = folder / "prometheus.yml"
    config.write_text("global: {scrape_interval: 5s}\n")
    server = start_server(
        arguments(binary, config=config, data=data, address=address, admin_api=admin_api),
        title="Prometheus",
        failure="prometheus_failed",
        home=folder,
        log=folder / "prometheus.log",
        until=until,
    )
    prometheus = Prometheus(f"http://{address}")
    server.wait_until(prometheus.is_ready, 30)
    return prometheus.url
