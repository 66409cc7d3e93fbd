"""How our Prometheus is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from perf_pipeline.stack.prometheus_server import CONFIG_FILE, CONFIG_FOLDER, arguments, render_config
from perf_pipeline.stack.tools import parse_version

PROJECT = Path(__file__).resolve().parents[2]


class TestTheSharedConfiguration:
    @pytest.fixture
    def rendered(self) -> dict[str, object]:
        shared = (PROJECT / CONFIG_FOLDER / CONFIG_FILE).read_text()
        text = render_config(shared, folder=Path("/project/monitoring/prometheus"), address="127.0.0.1:40001")
        return YAML(typ="safe").load(text)  # type: ignore[no-any-return]

    def test_evaluates_rules_every_30_s_from_the_projects_folder(self, rendered: dict[str, object]) -> None:
        assert rendered["global"] == {"scrape_interval": "15s", "evaluation_interval": "30s"}
        assert rendered["rule_files"] == ["/project/monitoring/prometheus/rules/*.yml"]

    def test_scrapes_nobody_but_the_port_that_was_chosen(self, rendered: dict[str, object]) -> None:
        assert rendered["scrape_configs"] == [
            {"job_name": "prometheus", "static_configs": [{"targets": ["127.0.0.1:40001"]}]}
        ]


class TestItsCommandLine:
    def test_takes_remote_writes_keeps_30_days_and_listens_on_loopback_only(self) -> None:
        argv = arguments(Path("/p"), config=Path("/c.yml"), data=Path("/d"), address="127.0.0.1:9090")
        assert {
            "--web.enable-remote-write-receiver",
            "--enable-feature=native-histograms",
            "--storage.tsdb.retention.time=30d",
            "--web.listen-address=127.0.0.1:9090",
        } <= set(argv)


class TestItsVersion:
    @pytest.mark.parametrize(
        ("said", "version"),
        [
            ("prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0+ds-5)", (2, 42, 0)),
            ("prometheus, version 3.5.3 (branch: HEAD, go version: go1.24.4)", (3, 5, 3)),
            ("2.40.7", (2, 40, 7)),
            ("go version go1.24.4", None),
            ("", None),
        ],
    )
    def test_is_read_from_what_it_prints(self, said: str, version: tuple[int, int, int] | None) -> None:
        assert parse_version(said) == version
