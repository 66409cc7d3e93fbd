"""Prometheus as a server: how ours is started, and what a running one says of itself."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from ruamel.yaml import YAML

from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.tools import OLDEST_PROMETHEUS, parse_version

USUAL_PORT = 9090
EXAMPLE_URL = f"http://localhost:{USUAL_PORT}"
_NO_ANSWER = (httpx.HTTPError, httpx.InvalidURL)
RETENTION = "30d"
FOR_EVER = "100y"  # the longest that Prometheus can count
TIMEOUT = httpx.Timeout(5.0, connect=2.0)
CONFIG_FOLDER = Path("monitoring") / "prometheus"  # in the project; shared with the containers
CONFIG_FILE = "prometheus.yml"
ITSELF = "localhost:9090"  # how the shared configuration names Prometheus as its own scrape target


def render_config(text: str, *, folder: Path, address: str) -> str:
    """The project's configuration for a Prometheus on ``address`` (host:port); rules are in ``folder``."""
    yaml = YAML()
    config: dict[str, Any] = yaml.load(text)
    config["rule_files"] = [str(folder / pattern) for pattern in config.get("rule_files") or []]
    for job in config.get("scrape_configs") or []:
        for group in job.get("static_configs") or []:
            group["targets"] = [address if target == ITSELF else target for target in group["targets"]]
    written = io.StringIO()
    yaml.dump(config, written)
    return written.getvalue()


def arguments(binary: Path, *, config: Path, data: Path, address: str, admin_api: bool = False) -> list[str]:
    """Command line of our Prometheus: loopback only, remote write and native histograms on.

    ``admin_api``: it can be asked for a snapshot, and by anybody on this machine to delete series.
    """
    admin = ["--web.enable-admin-api"] if admin_api else []
    return [
        *reading_arguments(binary, config=config, data=data, address=address, retention=RETENTION),
        "--web.enable-remote-write-receiver",
        *admin,
    ]


def reading_arguments(
    binary: Path, *, config: Path, data: Path, address: str, retention: str = FOR_EVER
) -> list[str]:
    """Command line of one that only answers: nothing is written to it, and nothing gets too old for it."""
    return [
        str(binary),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={retention}",
        f"--web.listen-address={address}",
        "--enable-feature=native-histograms",
        "--log.level=info",
    ]


def check_url(url: str) -> str:
    """``url`` without the slash at its end. Raises ValueError with one clause for what is no base URL.

    Neither a password nor a query, which may be one, is repeated: the URL is kept with the run's values,
    reports and archives.
    """
    if "@" in url:
        raise ValueError(
            "the URL of a Prometheus must not carry a user or a password, which would be in every report: "
            f"name one that asks for none, such as {EXAMPLE_URL}"
        )
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or too large a one
        good = False
    if not good or re.search(r"[\s?#]", url):
        shown = re.split(r"[?#]", url)[0]
        raise ValueError(f"{shown!r} is not the URL of a Prometheus; one looks like {EXAMPLE_URL}")
    return url.rstrip("/")


class Prometheus:
    """A running Prometheus, seen through its HTTP API. Every method is bounded by ``TIMEOUT``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def is_ready(self) -> bool:
        """Whether it answers and has read its data. Raises nothing."""
        try:
            return self._get("/-/ready").status_code == httpx.codes.OK
        except _NO_ANSWER:
            return False

    def version(self) -> str:
        """Such as ``2.42.0+ds``. Raises NotReady when nothing answers as Prometheus does or it is too old."""
        said = self._data("/api/v1/status/buildinfo")
        version = str(said.get("version", ""))
        parsed = parse_version(version)
        if parsed is None or parsed < OLDEST_PROMETHEUS:
            oldest = ".".join(map(str, OLDEST_PROMETHEUS[:2]))
            raise NotReady(
                "prometheus_too_old",
                f"Prometheus at {self.url} is version {version or 'unknown'}: >= {oldest} is needed",
            )
        return version

    def flags(self) -> dict[str, str]:
        """Its command line flags; empty when it does not tell (a proxy in front, a compatible system)."""
        try:
            return {name: str(value) for name, value in self._data("/api/v1/status/flags").items()}
        except NotReady:
            return {}

    def accepts_remote_write(self) -> bool:
        """An empty POST: 404 when the receiver is off; when on, it is read and found empty or malformed."""
        try:
            with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
                answer = client.post(f"{self.url}/api/v1/write", content=b"")
        except _NO_ANSWER as error:
            raise self._silent(error) from None
        return answer.status_code in (200, 204, 400, 415)

    def clock_skew_s(self) -> float | None:
        """Its clock minus ours, in seconds; half the round trip is taken off. None when it cannot be read."""
        asked = time.time()
        try:
            theirs = float(self._data("/api/v1/query", query="time()")["result"][1])
        except (NotReady, LookupError, TypeError, ValueError):
            return None
        return round(theirs - (asked + time.time()) / 2, 3)

    def _data(self, path: str, **params: str) -> Any:
        try:
            answer = self._get(path, **params)
            answer.raise_for_status()
            return answer.json()["data"]
        except (*_NO_ANSWER, ValueError, LookupError, TypeError) as error:
            raise self._silent(error) from None

    def _get(self, path: str, **params: str) -> httpx.Response:
        # trust_env off: a proxy of the environment has no business between us and Prometheus.
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            return client.get(self.url + path, params=params)

    def _silent(self, error: Exception) -> NotReady:
        return NotReady(
            "prometheus_unreachable",
            f"nothing at {self.url} answers as Prometheus does ({str(error) or type(error).__name__}): "
            "start it, or correct its URL",
        )
