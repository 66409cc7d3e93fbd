"""What a restart of each part of a server does to a benchmark that is under way: tried, not assumed.

    python benchmarks/deployment/restarts.py [server] [laptop]

The processes of deploy/systemd are started by hand, with its workspace and its socket; systemd's own part
(which process gets which signal) is done as the units say. Four benchmarks of 26 s, one after the other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "unit")]

import dagster_parts as parts  # noqa: E402
import psutil  # noqa: E402

from perf_pipeline.ports import free_port  # noqa: E402
from perf_pipeline.store.repository import Store  # noqa: E402

BIN = Path(sys.executable).parent
CONFIG = {"target": "local", "profile": "smoke", "follow_up": "nobody"}
LOADING_S = 90.0
END_S = 150.0


class Server:
    """Code server, daemon and webserver of one project, each its own process, as the units start them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._socket = root / "code.sock"
        self._workspace = root / "workspace.yaml"
        text = (ROOT / "deploy" / "systemd" / "workspace.yaml").read_text()
        self._workspace.write_text(text.replace("/run/perf-pipeline/code.sock", str(self._socket)))
        self.port = free_port()
        self.ui = parts.Ui(f"http://127.0.0.1:{self.port}")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        code = ["api", "grpc", "--socket", str(self._socket), "--module-name", "perf_pipeline.definitions"]
        place = ["-w", str(self._workspace)]
        argv = {
            "code": [BIN / "dagster", *code, "--attribute", "defs", "--location-name", "perf-pipeline"],
            "daemon": [BIN / "dagster-daemon", "run", *place],
            "webserver": [BIN / "dagster-webserver", *place, "-h", "127.0.0.1", "-p", str(self.port)],
        }[name]
        with (self._root / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=os.environ | parts.environment(self._root),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """As the unit says: of the code server first its runs, then itself."""
        process = self.processes[name]
        if name == "code":
            subprocess.run(["pkill", "--signal", "TERM", "--parent", str(process.pid)], check=False)
        process.terminate()
        process.wait(END_S)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def benchmark(self) -> str:
        """Id of a run that is loading its target."""
        parts.wait_until(lambda: self.ui.knows(parts.JOB), 90)
        run_id = self.ui.launch(parts.JOB, CONFIG)
        parts.wait_until(lambda: any("k6" in one for one in parts.benchmark_processes(self._root)), LOADING_S)
        time.sleep(4)
        return run_id


@contextmanager
def server(root: Path) -> Iterator[Server]:
    one = Server(root)
    env = os.environ | parts.environment(root)
    subprocess.run([BIN / "perf-pipeline", "upgrade"], env=env, check=True, capture_output=True)
    try:
        for name in ("code", "daemon", "webserver"):
            one.start(name)
        yield one
    finally:
        for process in one.processes.values():
            if process.poll() is None:
                for member in [*psutil.Process(process.pid).children(recursive=True), process]:
                    member.kill()


def told(root: Path, what: str, run_id: str, begun: float) -> None:
    with Store(f"sqlite:///{root / 'home' / 'store.sqlite'}") as store:
        parts.wait_until(lambda: store.find_run(run_id).outcome is not None, END_S)
        run = store.find_run(run_id)
    seconds = time.monotonic() - begun
    parts.wait_until(lambda: not parts.benchmark_processes(root), 30)
    print(f"| {what} | {run.outcome} | {seconds:.0f} s | none |", flush=True)


def on_a_server(root: Path) -> None:
    with server(root) as one:
        run_id, begun = one.benchmark(), time.monotonic()
        one.restart("daemon")
        one.restart("webserver")
        told(root, "server: daemon and webserver restarted", run_id, begun)
        run_id, begun = one.benchmark(), time.monotonic()
        one.restart("code")
        told(root, "server: code server restarted", run_id, begun)
        parts.wait_until(lambda: one.ui.knows(parts.JOB), 90)


def on_a_laptop(root: Path, what: str, end: Callable[[psutil.Process], None]) -> None:
    """`perf-pipeline ui` is `dagster dev`; a terminal signals its whole process group."""
    port = free_port()
    env = os.environ | parts.environment(root)
    with (root / "ui.log").open("ab") as log:
        process = subprocess.Popen(
            [BIN / "perf-pipeline", "ui", "--port", str(port)],
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ui = parts.Ui(f"http://127.0.0.1:{port}")
    parts.wait_until(lambda: ui.knows(parts.JOB), 90)
    run_id = ui.launch(parts.JOB, CONFIG)
    parts.wait_until(lambda: any("k6" in one for one in parts.benchmark_processes(root)), LOADING_S)
    time.sleep(4)
    begun = time.monotonic()
    family = psutil.Process(process.pid).children(recursive=True)
    end(psutil.Process(process.pid))
    told(root, what, run_id, begun)
    _, left = psutil.wait_procs(family, timeout=60)
    for one in left:
        one.kill()


def signalled(number: signal.Signals) -> Callable[[psutil.Process], None]:
    return lambda process: os.killpg(process.pid, number)


def main() -> None:
    wanted = sys.argv[1:] or ["server", "laptop"]
    print("| what is done while k6 loads | outcome in the store | after | processes left |")
    print("| --- | --- | --- | --- |", flush=True)
    if "server" in wanted:
        with tempfile.TemporaryDirectory(prefix="perf-restarts-") as folder:
            root = parts.make_project(Path(folder))
            (root / "home").mkdir()
            on_a_server(root)
    if "laptop" not in wanted:
        return
    with tempfile.TemporaryDirectory(prefix="perf-restarts-") as folder:
        root = parts.make_project(Path(folder))
        (root / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text())
        on_a_laptop(root, "laptop: Ctrl-C in the terminal of `perf-pipeline ui`", signalled(signal.SIGINT))
        on_a_laptop(root, "laptop: that terminal is closed (SIGHUP)", signalled(signal.SIGHUP))


if __name__ == "__main__":
    main()
