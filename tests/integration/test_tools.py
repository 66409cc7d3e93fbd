"""Prometheus from Debian's package, unpacked without root into a folder of ours."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from perf_pipeline.stack.tools import (
    ToolError,
    can_install,
    find_or_install_prometheus,
    find_prometheus,
    find_promtool,
    prometheus_version,
)

DEAD_SOURCE = "deb [trusted=yes] http://127.0.0.1:9/nothing bookworm main\n"
pytestmark = pytest.mark.skipif(not can_install(), reason="needs apt-get and dpkg")


@pytest.fixture(autouse=True)
def none_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH with the system's programs only as far as installing needs them."""
    monkeypatch.delenv("PERF_PIPELINE_PROMETHEUS", raising=False)
    if find_prometheus(tmp_path / "none") is not None:
        pytest.skip("this machine has a Prometheus of its own on PATH")


class TestInstalling:
    def test_works_in_two_sessions_at_once_despite_a_dead_third_party_source(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sources = tmp_path / "sources"
        sources.mkdir()
        for source in Path("/etc/apt/sources.list.d").iterdir():
            (sources / source.name).write_bytes(source.read_bytes())
        (sources / "dead.list").write_text(DEAD_SOURCE)
        configuration = tmp_path / "apt.conf"
        configuration.write_text(f'Dir::Etc::SourceParts "{sources}";\n')
        monkeypatch.setenv("APT_CONFIG", str(configuration))
        tools = tmp_path / "my tools"

        with ProcessPoolExecutor(2) as sessions:
            first, second = sessions.map(find_or_install_prometheus, [tools, tools])

        assert first == second == find_prometheus(tools)
        assert (prometheus_version(first) or (0, 0, 0)) >= (2, 40, 0)
        assert find_promtool(tools) == first.with_name("promtool")
        assert sorted(path.name for path in tools.iterdir()) == ["prometheus", "prometheus.lock"]
        started = time.monotonic()
        find_or_install_prometheus(tools)
        assert time.monotonic() - started < 2

    def test_says_in_one_sentence_that_the_package_cannot_be_had(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "sources").mkdir()
        (tmp_path / "sources" / "dead.list").write_text(DEAD_SOURCE)
        configuration = tmp_path / "apt.conf"
        lines = [f'Dir::Etc::SourceParts "{tmp_path / "sources"}";', 'Dir::Etc::SourceList "/dev/null";']
        configuration.write_text("\n".join(lines))
        monkeypatch.setenv("APT_CONFIG", str(configuration))

        with pytest.raises(ToolError, match=r"could not be downloaded \(.+\): install Prometheus >= 2.40"):
            find_or_install_prometheus(tmp_path / "tools")
        assert [path.name for path in (tmp_path / "tools").iterdir()] == ["prometheus.lock"]

    def test_is_not_tried_where_there_is_no_apt(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ToolError) as refusal:
            find_or_install_prometheus(tmp_path / "tools")
        assert str(refusal.value) == (
            "no prometheus on PATH and this is not a Debian system: "
            "install Prometheus >= 2.40 on PATH or name a running one with --prometheus URL"
        )


class TestAPrometheusThatIsNamed:
    def test_must_be_new_enough(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        old = tmp_path / "prometheus"
        old.write_text("#!/bin/sh\necho 'prometheus, version 2.31.2 (branch: x)'\n")
        old.chmod(0o755)
        monkeypatch.setenv("PERF_PIPELINE_PROMETHEUS", str(old))
        with pytest.raises(ToolError, match=r"which is version 2\.31\.2, too old"):
            find_prometheus(tmp_path)

    def test_must_be_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERF_PIPELINE_PROMETHEUS", str(tmp_path / "gone"))
        with pytest.raises(ToolError, match="not a Prometheus that runs"):
            find_prometheus(tmp_path)
