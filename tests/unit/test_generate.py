"""What is generated: written, looked for drift, and changed by the suite file alone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perf_pipeline.cli.main import main
from perf_pipeline.conventions import ENV_ROOT
from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.suite_file import load_suite

SHOP = Path(__file__).parents[1] / "fixtures" / "suites" / "shop"
FILES = [
    "k6/shop/suite.json",
    "monitoring/prometheus/rules/shop.rules.yml",
    "monitoring/prometheus/rules/shop.alerts.yml",
    "monitoring/grafana/dashboards/shop-benchmark.json",
    "monitoring/grafana/dashboards/shop-run.json",
    "monitoring/grafana/dashboards/shop-trend.json",
    "monitoring/grafana/dashboards/pipeline-health.json",
]

Generate = Callable[..., int]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two suites."""
    shutil.copytree(SHOP, tmp_path / "k6" / "shop")
    other = shutil.copytree(SHOP, tmp_path / "k6" / "stall")
    for file in ("suite.yaml", "scenario.js"):  # suites of one project share no record
        text = (other / file).read_text()
        for name in ("list_products", "get_product", "place_order", "product_page"):
            text = text.replace(name, f"stall_{name}")
        (other / file).write_text(text)
    monkeypatch.setenv(ENV_ROOT, str(tmp_path))
    return tmp_path


@pytest.fixture
def generate(root: Path, monkeypatch: pytest.MonkeyPatch) -> Generate:
    """Runs the command; returns its exit code."""

    def generate(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["perf-pipeline", "generate", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    assert generate() == 0
    return generate


class TestCheck:
    def test_is_content_with_what_was_just_generated(
        self, generate: Generate, capsys: pytest.CaptureFixture[str]
    ) -> None:
        capsys.readouterr()
        assert generate("--check") == 0
        assert capsys.readouterr().out == "all generated files are up to date.\n"

    @pytest.mark.parametrize("path", FILES)
    def test_catches_a_hand_edit_of_any_file(
        self, generate: Generate, root: Path, path: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = root / path
        lines = file.read_text().splitlines()
        lines[len(lines) // 2] += " by hand"
        file.write_text("\n".join(lines) + "\n")
        capsys.readouterr()

        assert generate("--check") == 1

        said = capsys.readouterr().out.splitlines()
        assert said[:2] == [f"--- {path}", f"+++ {path} (generated)"]
        changed = [line for line in said[2:] if line.startswith(("-", "+"))]
        assert changed == [
            f"-{lines[len(lines) // 2]}",
            f"+{lines[len(lines) // 2].removesuffix(' by hand')}",
        ]
        assert said[-1].endswith("perf-pipeline generate`."), "the command that repairs it"
        assert " by hand" in file.read_text(), "a check changes nothing"

        assert generate() == 0
        assert generate("--check") == 0

    def test_catches_a_file_that_is_gone(self, generate: Generate, root: Path) -> None:
        (root / FILES[0]).unlink()
        assert generate("--check") == 1


class TestAnObjective:
    def test_changes_what_holds_it_and_nothing_else(
        self, generate: Generate, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        suite = root / "k6" / "shop" / "suite.yaml"
        text = suite.read_text()
        assert text.count("p95: 0.4s") == 1
        suite.write_text(text.replace("p95: 0.4s", "p95: 0.5s"))
        capsys.readouterr()
        assert generate("--json") == 0
        assert sorted(json.loads(capsys.readouterr().out)["written"]) == [
            "k6/shop/suite.json",
            "monitoring/grafana/dashboards/shop-benchmark.json",
            "monitoring/grafana/dashboards/shop-run.json",
            "monitoring/grafana/dashboards/shop-trend.json",
            "monitoring/prometheus/rules/shop.rules.yml",
        ]


class TestTwoSuites:
    def test_must_not_write_one_record(
        self, generate: Generate, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(root / "k6" / "shop", root / "k6" / "kiosk")
        capsys.readouterr()
        assert generate("shop") == 2
        assert "the suites kiosk and shop would both write" in capsys.readouterr().err


def test_files_are_of_the_suite_and_of_nothing_else() -> None:
    suite = load_suite(SHOP)
    assert sorted(generated_files(suite)) == sorted(FILES)
    assert generated_files(suite) == generated_files(suite), "no time, no chance"
    assert not any("0.1.0" in text for text in generated_files(suite).values()), "no version of ours"
