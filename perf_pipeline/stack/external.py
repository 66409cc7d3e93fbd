"""A stack that somebody else runs: a Prometheus by URL, and a target that is already up."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from perf_pipeline import processes
from perf_pipeline.conventions import ENV_PROMETHEUS_URL
from perf_pipeline.core.model import RunRequest, StackState
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.checks import check_and_describe, wanted_target
from perf_pipeline.stack.control import start_control
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.stack.prometheus_server import Prometheus, check_url
from perf_pipeline.suite import Suite


class ExternalStack:
    """Starts, and so stops, nothing but the control; see ``base.Stack``."""

    kind = "external"

    def __init__(self, prometheus_url: str, home: Path) -> None:
        self._prometheus = Prometheus(prometheus_url)
        self._home = home
        self._lock = HostLock()
        self._started = ExitStack()
        self.notes: list[str] = []

    @property
    def prometheus_url(self) -> str | None:
        return self._prometheus.url

    @property
    def prometheus_data(self) -> None:
        """Somebody else's, on whichever machine."""
        return None

    def take_host(self, run_id: str) -> None:
        """Raises NotReady."""
        self._lock.take(run_id)
        self.notes += processes.end_orphans(self._home)

    def start(self, *, suite: Suite, request: RunRequest, run_id: str, run_folder: Path) -> StackState:
        """Raises NotReady."""
        started = time.monotonic()
        target = wanted_target(suite, request)
        if target.base_url is None:
            raise NotReady(
                "target_not_started",
                f"target {target.name} has no base_url, and the external stack starts no reference backend: "
                "choose another target, or run without --prometheus",
            )
        try:
            self.take_host(run_id)
            self._check_prometheus()
            control = start_control(
                suite, target, home=self._home, run_folder=run_folder, until=self._started
            )
            return check_and_describe(
                target=target,
                base_url=target.base_url,
                prometheus=self._prometheus,
                request=request,
                run_id=run_id,
                run_folder=run_folder,
                kind=self.kind,
                target_pid=None,
                started=started,
                control=control.wait(),
            )
        except BaseException:
            self.stop()
            raise

    def ensure_prometheus(self, state: StackState) -> str:
        """Raises NotReady when it does not answer."""
        del state
        self._prometheus.version()
        return self._prometheus.url

    def stop(self) -> None:
        """Ends the control, and lets the next benchmark in."""
        try:
            self._started.close()
        finally:
            self._lock.release()

    def _check_prometheus(self) -> None:
        url = self._prometheus.url
        try:
            check_url(url)
        except ValueError as error:
            raise NotReady("prometheus_url", f"{ENV_PROMETHEUS_URL}: {error}") from None
        version = self._prometheus.version()
        if not self._prometheus.accepts_remote_write():
            raise NotReady(
                "remote_write_off",
                f"Prometheus at {url} accepts no remote write: "
                "start it with --web.enable-remote-write-receiver",
            )
        features = self._prometheus.flags().get("enable-feature")
        # From 3.8 on native histograms are no longer behind a flag; who shows no flags is believed.
        major_minor = tuple(int(part) for part in version.split(".")[:2])
        if features is not None and "native-histograms" not in features and major_minor < (3, 8):
            raise NotReady(
                "native_histograms_off",
                f"Prometheus at {url} keeps no native histograms: "
                "start it with --enable-feature=native-histograms",
            )
