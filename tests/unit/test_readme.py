"""The README's example of a suite is a valid one."""

from __future__ import annotations

import re
from pathlib import Path

from perf_pipeline.suite_file import load_suite

README = Path(__file__).parents[2] / "README.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)
    assert found, f"the README has no {language} block"
    return found.group(1)


class TestTheExampleOfASuite:
    def test_is_valid_as_written(self, tmp_path: Path) -> None:
        folder = tmp_path / "k6" / "shop"
        folder.mkdir(parents=True)
        (folder / "suite.yaml").write_text(block("yaml"))
        (folder / "scenario.js").write_text(block("js"))
        suite = load_suite(folder)
        assert list(suite.endpoints) == ["list_products", "place_order"]
        assert suite.planned_requests(suite.profiles["standard"]) == {
            "list_products": 2400,
            "place_order": 360,
        }

    def test_is_the_script_that_imports_what_the_library_exports(self) -> None:
        library = Path(__file__).parents[2] / "k6" / "lib"
        imports = re.findall(r"import \{ (.*?) \} from '../lib/(\w+\.js)'", block("js"))
        assert len(imports) == 4
        for names, file in imports:
            for name in names.split(", "):
                assert f"export function {name}(" in (library / file).read_text(), f"{name} of {file}"
