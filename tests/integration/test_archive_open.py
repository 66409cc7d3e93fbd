"""``archive open``, on runs whose folder, archive or snapshot is there or not."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cli_parts
import httpx
import pytest
from cli_parts import Project
from prometheus_parts import start_prometheus
from stack_parts import TOOLS

from perf_pipeline import conventions as names
from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.prometheus.remote_write import write_samples
from perf_pipeline.prometheus.tsdb_snapshot import Wanted, take_tsdb_snapshot
from perf_pipeline.stack.tools import find_or_install_prometheus

RUN = "base-1"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A stored run whose folder holds a snapshot that knows one endpoint."""
    one = cli_parts.make_project(tmp_path_factory.mktemp("project"))
    cli_parts.fill_store(one)
    folder = one.home / "runs" / RUN
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as until:
        _snapshot(folder, one.root / "prometheus", until)
    yield one


def _snapshot(folder: Path, prometheus: Path, until: ExitStack) -> None:
    now = datetime.now(UTC)
    prometheus.mkdir()
    url = start_prometheus(
        find_or_install_prometheus(TOOLS), prometheus, prometheus / "data", until, admin_api=True
    )
    labels = {names.TAG_TEST_ID: RUN, names.TAG_ENDPOINT: "page", "quantile": "0.95"}
    sample = SeriesSample(
        metric=names.RUN_LATENCY, labels=labels, value=0.25, unix_ms=round(now.timestamp() * 1000)
    )
    write_samples(url, [sample])
    second = timedelta(seconds=1)  # a run lasts longer than the millisecond that the sample is rounded to
    wanted = Wanted(RUN, "tiny", ["page_latency"], now - second, now + second, "2.42.0")
    info = take_tsdb_snapshot(url, data=prometheus / "data", run_folder=folder, wanted=wanted)
    # No k6 has written its histograms here; a gauge is asked in their place.
    asked = info.model_copy(update={"p95_s": f'{names.RUN_LATENCY}{{testid="{RUN}"}}'})
    (folder / names.TSDB_INFO).write_text(asked.model_dump_json())


class TestOpening:
    def test_says_what_the_run_had_and_ends(self, project: Project) -> None:
        said = project.call("archive", "open", RUN, "--once", "--json")
        assert said.code == 0
        assert [(one["endpoint"], one["p95_ms"]) for one in said.document["endpoints"]] == [("page", 250.0)]
        assert said.document["run_id"] == RUN

    def test_takes_a_folder_too(self, project: Project) -> None:
        said = project.call("archive", "open", str(project.home / "runs" / RUN), "--once")
        assert said.code == 0
        assert said.out.splitlines()[-1].split() == ["page", "250.000", "-"]

    def test_stays_up_until_ctrl_c_and_leaves_nothing(self, project: Project) -> None:
        process = project.start("archive", "open", RUN)
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
        process.send_signal(signal.SIGINT)
        said = cli_parts.said(process)
        assert said.code == 0
        assert "Ctrl-C ends it." in said.err
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/-/ready", trust_env=False)

    def test_takes_the_archive_of_a_run_whose_folder_has_gone(self, project: Project, tmp_path: Path) -> None:
        folder = project.home / "runs" / RUN
        assert project.call("archive", "sweep").code == 0
        away = shutil.move(folder, tmp_path / "away")
        try:
            said = project.call("archive", "open", RUN, "--once", "--json")
        finally:
            shutil.move(away, folder)
        assert said.document["endpoints"][0]["p95_ms"] == 250.0


class TestNotOpening:
    def test_says_why_there_is_no_snapshot(self, project: Project, tmp_path: Path) -> None:
        reason = "the Prometheus at http://p:9090 is not the run's own"
        (tmp_path / names.MISSING).write_text(json.dumps([{"name": "tsdb", "reason": reason}]))
        said = project.call("archive", "open", str(tmp_path), "--once")
        assert said.code == 2
        assert said.line == f"perf-pipeline: there is no snapshot of Prometheus for this run: {reason}."

    def test_names_a_run_that_nobody_knows(self, project: Project) -> None:
        said = project.call("archive", "open", "nobody", "--once")
        assert said.code == 2
        assert "no run has an id that begins with 'nobody'" in said.line

    def test_names_a_description_that_is_damaged(self, project: Project, tmp_path: Path) -> None:
        (tmp_path / names.TSDB_INFO).write_text("{")
        said = project.call("archive", "open", str(tmp_path), "--once")
        assert said.code == 2
        assert f"the description of the snapshot in {tmp_path} is damaged" in said.line
