"""Calls of perform() in a scenario: what is one, what only looks like one, and which name it has."""

from __future__ import annotations

import time

import pytest

from perf_pipeline.suite_javascript import Call, calls_of_perform


def called(source: str) -> list[str | None]:
    return [call.endpoint for call in calls_of_perform(source)]


class TestACall:
    @pytest.mark.parametrize(
        "source",
        [
            "perform('page', f);",
            'perform("page", f)',
            "perform(`page`)",
            "perform (\n  'page'  ,\n  f)",
            "client.perform('page')",
            "const s = `${ perform('page', f) } ${'`'}`",
        ],
    )
    def test_names_its_endpoint_in_any_quotes(self, source: str) -> None:
        assert called(source) == ["page"]

    @pytest.mark.parametrize("name", ["name", "'a' + n", "`a${n}`", "names[0]"])
    def test_whose_name_is_computed_may_be_of_any_endpoint(self, name: str) -> None:
        assert called(f"perform({name}, f)") == [None]

    def test_is_on_its_line(self) -> None:
        assert calls_of_perform("/* one\n two */\n\nperform('page')") == [Call(line=4, endpoint="page")]

    @pytest.mark.parametrize(
        "before",
        [
            "const url = 'http://localhost';",
            "const url = `//${host}/`;",
            "const quote = /[/'\"`]\\//.test(x);",
            "const half = n / 2; // it's half",
            "const size = {a: 1}.a / 2;",
            "if (ok) return /'/.test(text);",
            "const it = 'it\\'s';",
        ],
    )
    def test_is_found_after_what_only_looks_like_a_comment_or_a_text(self, before: str) -> None:
        assert called(f"{before} \n perform('page', f)") == ["page"]
        assert called(f"{before.partition(' // ')[0]} perform('page', f)") == ["page"]


class TestNoCall:
    @pytest.mark.parametrize(
        "source",
        [
            "// perform('page')",
            "/* perform('page') */",
            "const hint = \"call perform('page') here\";",
            "const hint = `perform('page') ${x} perform('page')`;",
            "const pattern = /perform('page')/;",
            "function perform(name, build) {}",
            "reperform('page'); perform_all('page'); const { perform } = client;",
        ],
    )
    def test_is_found_in_what_is_no_call(self, source: str) -> None:
        assert called(source) == []


class TestHostileCode:
    @pytest.mark.parametrize("piece", ["`${", "/[", "'", "{", "perform(", "a/", "/*", "`", "\\"])
    def test_is_read_in_reasonable_time(self, piece: str) -> None:
        begun = time.process_time()
        calls_of_perform(piece * 20_000)
        assert time.process_time() - begun < 5
