"""What follows from one endpoint of the suite file, found in the generated texts.

After a change that is meant: ``python tests/unit/test_explain.py`` writes the golden anew.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from perf_pipeline.cli.main import main
from perf_pipeline.conventions import ENV_ROOT
from perf_pipeline.monitoring.explain import Artefact, explain
from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.monitoring.located_json import LINE, located
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

SHOP = Path(__file__).parents[1] / "fixtures" / "suites" / "shop"
GOLDEN = Path(__file__).with_suffix(".golden.txt")


def of(endpoint: str, suite: Suite | None = None) -> list[Artefact]:
    suite = suite or load_suite(SHOP)
    text = (SHOP / "suite.yaml").read_text()
    return explain(suite, endpoint, suite_text=text, files=generated_files(suite))


def described(artefacts: list[Artefact]) -> str:
    lines = [f"{'shared' if one.shared else 'own   '}  {one.kind}: {one.name}" for one in artefacts]
    return "\n".join(lines) + "\n"


class TestWhatFollowsFromAnEndpoint:
    def test_is_every_rule_alert_threshold_and_panel_of_it(self) -> None:
        assert described(of("get_product")) == GOLDEN.read_text()

    @pytest.mark.parametrize("endpoint", ["list_products", "get_product", "place_order"])
    def test_stands_where_it_is_said_to_stand(self, endpoint: str) -> None:
        suite = load_suite(SHOP)
        files = generated_files(suite) | {"k6/shop/suite.yaml": (SHOP / "suite.yaml").read_text()}
        for one in of(endpoint):
            line = files[one.file].splitlines()[one.line - 1].strip()
            expected = {
                "suite": f"{endpoint}:",
                "k6 plan": f'"{endpoint}": {{',
                "k6 thresholds": '"thresholds": {',
            }
            begins = expected.get(one.kind, "{" if one.file.endswith(".json") else one.text.splitlines()[0])
            assert line == begins, one

    def test_names_no_other_endpoint_unless_it_is_shared(self) -> None:
        own = "\n".join(one.text for one in of("get_product") if not one.shared)
        assert "product_page_latency:p95" in own
        assert "list_products" not in own
        assert "place_order" not in own

    def test_is_whole_rules_and_nothing_of_the_next_one(self) -> None:
        (slo,) = [one for one in of("get_product") if one.name == "slo:get_product:p95_under_200ms"]
        assert slo.text.splitlines() == [
            "- record: slo:get_product:p95_under_200ms",
            "  expr: |-",
            '    min(slo:met{suite="shop",endpoint="get_product",quantile="0.95"})',
        ]

    def test_is_not_found_by_a_word_of_promql(self) -> None:
        shop = load_suite(SHOP)
        endpoints = {
            "sum" if name == "get_product" else name: endpoint for name, endpoint in shop.endpoints.items()
        }
        endpoints["sum"] = endpoints["sum"].model_copy(update={"name": "sum", "record": "sum"})
        suite = shop.model_copy(update={"endpoints": endpoints})
        text = (SHOP / "suite.yaml").read_text().replace("get_product", "sum")

        def found(endpoint: str) -> str:
            return described(explain(suite, endpoint, suite_text=text, files=generated_files(suite)))

        assert found("place_order") == described(of("place_order"))
        assert found("sum") == re.sub(r"\bget_product\b", "sum", GOLDEN.read_text())


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def _project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copytree(SHOP, tmp_path / "k6" / "shop")
        monkeypatch.setenv(ENV_ROOT, str(tmp_path))

    def run(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["perf-pipeline", "explain", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    def test_prints_each_with_file_and_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(monkeypatch, "place_order", "shop") == 0
        said = capsys.readouterr().out
        assert said.startswith(
            "k6/shop/suite.yaml:17: suite place_order\n    place_order:\n      method: POST\n"
        )
        assert "alert EndpointSLOViolation\n    - alert: EndpointSLOViolation\n" in said

    def test_prints_json(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run(monkeypatch, "place_order", "--json") == 0
        assert json.loads(capsys.readouterr().out) == [one.model_dump() for one in of("place_order")]

    def test_names_what_was_meant(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(monkeypatch, "get_produkt") == 2
        assert capsys.readouterr().err == (
            "perf-pipeline: suite shop has no endpoint 'get_produkt'; did you mean 'get_product'?\n"
        )


def test_json_is_read_with_the_line_of_every_object() -> None:
    document = located('{\n "a": [\n  {"b": 1},\n\n  {"b": {}}\n ]\n}')
    assert (document[LINE], document["a"][0], document["a"][1]) == (
        1,
        {"b": 1, LINE: 3},
        {"b": {LINE: 5}, LINE: 5},
    )


if __name__ == "__main__":
    GOLDEN.write_text(described(of("get_product")))
