"""The default stack: Prometheus, the control and, unless the target is elsewhere, the reference backend."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from perf_pipeline import ports, processes
from perf_pipeline.conventions import TSDB_INFO
from perf_pipeline.core.model import RunRequest, StackState
from perf_pipeline.stack import prometheus_server
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.checks import check_and_describe, wanted_target
from perf_pipeline.stack.control import start_control
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.stack.prometheus_server import CONFIG_FILE, CONFIG_FOLDER, Prometheus
from perf_pipeline.stack.servers import Server, start_server
from perf_pipeline.stack.target import probe_health
from perf_pipeline.stack.tools import ToolError, find_or_install_prometheus
from perf_pipeline.suite import Suite, Target

PROMETHEUS_DEADLINE_S = 60.0  # it replays its log of the last hours first
BACKEND_DEADLINE_S = 60.0  # its first start fills the database
USUAL_BACKEND_PORT = 8000
PROMETHEUS_LOG = "prometheus.log"
BACKEND_LOG = "reference-backend.log"
DEMO_SETTINGS = "PERF_DEMO_"  # environment variables that are the reference backend's settings

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class EmbeddedStack:
    """Local processes on loopback; see ``base.Stack``.

    ``home``: the project's home folder, absolute; ``tools``: where Prometheus is installed if there is none.
    """

    kind = "embedded"

    def __init__(self, home: Path, tools: Path) -> None:
        self._home = home
        self._tools = tools
        self._lock = HostLock()
        self._started = ExitStack()
        self._prometheus: tuple[Server, Prometheus] | None = None
        self._config = _PACKAGE_ROOT / CONFIG_FOLDER
        self._snapshots = False  # whether Prometheus may be asked for one
        self.notes: list[str] = []

    @property
    def prometheus_url(self) -> str | None:
        return self._prometheus[1].url if self._prometheus else None

    @property
    def prometheus_data(self) -> Path | None:
        return self._data if self._prometheus and self._snapshots else None

    def take_host(self, run_id: str) -> None:
        """Raises NotReady."""
        self._lock.take(run_id)
        self.notes += processes.end_orphans(self._home)

    def start(self, *, suite: Suite, request: RunRequest, run_id: str, run_folder: Path) -> StackState:
        """Raises NotReady; whatever the exception, nothing of ours is left running."""
        started = time.monotonic()
        target = wanted_target(suite, request)
        of_suite = suite.folder.parent.parent / CONFIG_FOLDER
        if (of_suite / CONFIG_FILE).is_file():
            self._config = of_suite
        self._snapshots = suite.archive.tsdb
        try:
            self.take_host(run_id)
            # They come up at the same time; each is waited for afterwards.
            server, prometheus = self._launch_prometheus(run_folder)
            backend, base_url = (
                self._launch_backend(run_folder) if target.base_url is None else (None, target.base_url)
            )
            control = start_control(
                suite, target, home=self._home, run_folder=run_folder, until=self._started
            )
            self._await_prometheus(server, prometheus)
            if backend is not None:
                backend.wait_until(lambda: _is_healthy(base_url, target), BACKEND_DEADLINE_S)
            return check_and_describe(
                target=target,
                base_url=base_url,
                prometheus=prometheus,
                request=request,
                run_id=run_id,
                run_folder=run_folder,
                kind=self.kind,
                target_pid=backend.pid if backend else None,
                started=started,
                control=control.wait(),
            )
        except BaseException:  # Ctrl-C and Dagster's interrupt are no Exceptions
            self.stop()
            raise

    def ensure_prometheus(self, state: StackState) -> str:
        """Raises NotReady, ``busy`` when another run uses the data folder."""
        if self._prometheus is not None:
            server, prometheus = self._prometheus
            if server.is_running() and prometheus.is_ready():
                return prometheus.url
        elsewhere = Prometheus(state.prometheus_url)
        if elsewhere.flags().get("storage.tsdb.path") == str(self._data):
            return elsewhere.url  # of a run that is under way: its samples and ours are in the same place
        try:
            self.take_host(state.run_id)
            # A step that is executed again renews the snapshot that the run had made.
            self._snapshots |= (Path(state.run_folder) / TSDB_INFO).exists()
            server, prometheus = self._launch_prometheus(Path(state.run_folder))
            self._await_prometheus(server, prometheus)
        except BaseException:
            self.stop()
            raise
        return prometheus.url

    def stop(self) -> None:
        """Idempotent; ends only what this object started, and lets the next benchmark in."""
        self._prometheus = None
        try:
            self._started.close()  # the last one first; one that fails does not keep the others
        finally:
            self._lock.release()

    @property
    def _data(self) -> Path:
        return self._home / "prometheus" / "data"

    def _launch_prometheus(self, run_folder: Path) -> tuple[Server, Prometheus]:
        address = f"{ports.LOOPBACK}:{self._port('Prometheus', prometheus_server.USUAL_PORT)}"
        config = self._home / "prometheus" / CONFIG_FILE
        try:
            binary = find_or_install_prometheus(self._tools)
            shared = (self._config / CONFIG_FILE).read_text()
            self._data.mkdir(parents=True, exist_ok=True)
            config.write_text(prometheus_server.render_config(shared, folder=self._config, address=address))
        except ToolError as error:
            raise NotReady("prometheus_missing", str(error)) from error
        except OSError as error:
            raise NotReady("prometheus_failed", f"Prometheus cannot be set up: {error}") from error
        server = start_server(
            prometheus_server.arguments(
                binary, config=config, data=self._data, address=address, admin_api=self._snapshots
            ),
            title="Prometheus",
            failure="prometheus_failed",
            home=self._home,
            log=run_folder / PROMETHEUS_LOG,
            until=self._started,
        )
        return server, Prometheus(f"http://{address}")

    def _await_prometheus(self, server: Server, prometheus: Prometheus) -> None:
        server.wait_until(prometheus.is_ready, PROMETHEUS_DEADLINE_S)
        self._prometheus = (server, prometheus)

    def _launch_backend(self, run_folder: Path) -> tuple[Server, str]:
        port = self._port("the reference backend", USUAL_BACKEND_PORT)
        data = self._home / "reference-backend"
        command = [sys.executable, "-m", "perf_pipeline.demo", "--port", str(port), "--data-dir", str(data)]
        server = start_server(
            command,
            title="the reference backend",
            failure="reference_backend_failed",
            home=self._home,
            log=run_folder / BACKEND_LOG,
            until=self._started,
            environment={k: v for k, v in os.environ.items() if k.startswith(DEMO_SETTINGS)},
            cwd=_PACKAGE_ROOT,  # runs without an installation, too
        )
        return server, f"http://{ports.LOOPBACK}:{port}"

    def _port(self, title: str, usual: int) -> int:
        port = ports.choose_port(usual)
        if port != usual:
            by = ports.holder(usual) or "somebody"
            self.notes.append(f"port {usual} is taken by {by}: {title} listens on {port} instead")
        return port


def _is_healthy(base_url: str, target: Target) -> bool:
    try:
        probe_health(base_url, target)
    except NotReady:
        return False
    return True
