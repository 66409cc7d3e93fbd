"""A run's own Prometheus again, years later: a fresh one on a copy of the blocks that the run has kept.

Prometheus takes blocks for too old by the newest one that it holds, not by the clock, and deletes them. So
it gets a copy, nothing is ever too old for it, and it scrapes nothing that would be newer.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from perf_pipeline import ports
from perf_pipeline.conventions import TSDB_FOLDER
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.prometheus_server import Prometheus, reading_arguments
from perf_pipeline.stack.servers import Server, start_server
from perf_pipeline.stack.tools import ToolError, find_or_install_prometheus

READY_DEADLINE_S = 30.0


@contextmanager
def replayed(run_folder: Path, *, home: Path, tools: Path) -> Iterator[tuple[str, Server]]:
    """URL of a Prometheus on loopback that holds what the run's own did, and the process itself.

    ``run_folder``: of a run, or its archive; it is only read. The process is noted in ``home``, so that one
    whose owner was killed is found. Raises NotReady when it does not start, FileNotFoundError without blocks.
    """
    blocks = run_folder / TSDB_FOLDER
    if not blocks.is_dir():
        raise FileNotFoundError(blocks)
    with ExitStack() as until:
        scratch = Path(until.enter_context(tempfile.TemporaryDirectory(prefix="perf-pipeline-replay-")))
        url, server = _start(blocks, scratch, home=home, tools=tools, until=until)
        yield url, server


def _start(blocks: Path, scratch: Path, *, home: Path, tools: Path, until: ExitStack) -> tuple[str, Server]:
    data, config = scratch / "data", scratch / "prometheus.yml"
    try:
        shutil.copytree(blocks, data)
        config.write_text("{}\n")
        binary = find_or_install_prometheus(tools)
    except ToolError as error:
        raise NotReady("prometheus_missing", str(error)) from error
    except OSError as error:
        raise NotReady("prometheus_failed", f"the snapshot cannot be copied: {error}") from error
    address = f"{ports.LOOPBACK}:{ports.free_port()}"
    server = start_server(
        reading_arguments(binary, config=config, data=data, address=address),
        title="Prometheus",
        failure="prometheus_failed",
        home=home,
        log=scratch / "prometheus.log",
        until=until,
    )
    prometheus = Prometheus(f"http://{address}")
    server.wait_until(prometheus.is_ready, READY_DEADLINE_S)
    return prometheus.url, server
