"""The verbs that start nothing, and all that is refused; against a store that was filled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cli_parts
import pytest
from cli_parts import COMMAND, Project, said

from perf_pipeline import conventions as names

WHY = ("--reason", "a test", "--who", "eva")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = cli_parts.make_project(tmp_path_factory.mktemp("project"))
    cli_parts.fill_store(made)
    return made


class TestHelp:
    def test_is_what_the_bare_command_says(self, project: Project) -> None:
        bare = project.call()
        assert (bare.code, bare.out) == (2, "")
        assert bare.err.startswith("Usage: perf-pipeline")

    def test_fits_80_columns_with_whole_sentences(self, project: Project) -> None:
        processes = [project.start(*verb, "--help", COLUMNS="80") for verb in ([], ["run"], ["baseline"])]
        for answer in map(said, processes):
            assert answer.code == 0
            lines = answer.out.splitlines()
            assert max(map(len, lines)) <= 80
            assert [line for line in lines if line.endswith("...") and "Usage" not in line] == []


class TestRuns:
    def test_are_listed_newest_first(self, project: Project) -> None:
        answer = project.call("runs")
        shown = [line.split("2026")[0].strip(" ?+=*~") for line in answer.out.splitlines()[1:6]]
        assert shown == ["under-wa", "down", "slow", "base-2", "base-1"]

    def test_can_be_chosen_by_outcome(self, project: Project) -> None:
        answer = project.call("runs", "--outcome", "regressed", "--json")
        assert [run["run_id"] for run in answer.document] == ["slow"]

    def test_that_were_measured_are_shown_with_what_to_do_next(self, project: Project) -> None:
        answer = project.call("show", "slow")
        assert answer.code == 0
        assert answer.out.startswith("REGRESSED")
        assert f"{COMMAND} baseline accept slow --reset" in answer.out

    def test_that_were_not_measured_are_shown_with_their_sentence(self, project: Project) -> None:
        assert project.call("show", "down").out == f"not_ready: run `{COMMAND} doctor`\n"
        shown = project.call("show", "down", "--json").document
        assert (shown["run"]["outcome"], shown["record"]) == ("not_ready", None)

    def test_that_are_under_way_say_since_when(self, project: Project) -> None:
        assert project.call("show").out == "run under-way is running, since 2026-11-20 12:50:00 UTC.\n"

    def test_are_compared_endpoint_by_endpoint(self, project: Project) -> None:
        row = next(
            line for line in project.call("compare", "base-1", "slow").out.splitlines() if "get_news" in line
        )
        assert row.split()[-1] == "regressed"
        document = project.call("compare", "base-1", "slow", "--json").document
        assert document["judgement"]["endpoints"]["get_news"]["verdict"] == "regressed"


class TestTodaysSuiteFile:
    @pytest.fixture
    def mistyped(self, project: Project) -> Iterator[None]:
        text = project.suite_file.read_text()
        project.suite_file.write_text(text.replace("endpoints:", "endpoint:", 1))
        yield
        project.suite_file.write_text(text)

    @pytest.mark.usefixtures("mistyped")
    def test_is_not_needed_to_look_at_old_runs(self, project: Project) -> None:
        shown = project.call("show", "slow")
        assert (shown.code, shown.err) == (0, "")
        assert "get_news" in shown.out
        compared = project.call("compare", "base-1", "slow")
        assert compared.code == 0
        assert compared.err == "suite tiny cannot be read: judged with the usual tolerances.\n"


class TestABaseline:
    """In this order: each decision stands on the one before."""

    def test_shows_its_runs(self, project: Project) -> None:
        found = project.call("baseline", "show", "--json").document
        assert [member["run_id"] for member in found[0]["members"]] == ["base-1", "base-2"]
        assert (
            "automatic baseline of tiny on local, profile standard  in use"
            in project.call("baseline", "show").out
        )

    def test_takes_a_run_by_hand(self, project: Project) -> None:
        answer = project.call("baseline", "accept", "slow", "--no-reset", *WHY, "--json")
        assert answer.document["run_ids"] == ["slow"]
        assert "slow" in answer.document["sentence"]

    def test_is_pinned_and_unpinned(self, project: Project) -> None:
        pinned = project.call("baseline", "pin", "base-1", "base-2", *WHY, "--json").document
        assert pinned["run_ids"] == ["base-1", "base-2"]
        assert "pinned baseline of tiny" in project.call("baseline", "show").out
        unpinned = project.call("baseline", "unpin", *WHY, "--json").document
        assert (unpinned["removed"], unpinned["profile"]) == (2, "standard")
        assert project.call("baseline", "unpin", *WHY).code == 2

    def test_begins_anew_with_a_recorded_reason(self, project: Project) -> None:
        assert project.call("baseline", "reset", "--from", "slow", *WHY).out == (
            "the baseline of tiny on local with profile standard begins anew with run slow: 2 runs left it.\n"
        )
        shown = project.call("baseline", "show").out
        assert "reset" in shown
        assert "a test" in shown
        assert project.call("baseline", "reset", *WHY, "--json").document["removed"] == 1

    def test_is_said_to_be_missing(self, project: Project) -> None:
        answer = project.call("baseline", "show", "--profile", "smoke")
        assert answer.out == (
            "no baseline for tiny on local with profile smoke: the first valid run becomes it.\n"
        )


class TestTheSuite:
    def test_is_validated(self, project: Project) -> None:
        assert project.call("validate").out.startswith("suite tiny is valid: 7 endpoints, 3 targets.")
        assert project.call("validate", "--json").document["name"] == "tiny"

    def test_is_explained(self, project: Project) -> None:
        assert "k6/tiny/suite.yaml" in project.call("explain", "get_news").out
        assert project.call("explain", "get_news", "--json").document[0]["name"] == "get_news"

    def test_has_its_outdated_files_named_and_written(self, project: Project) -> None:
        assert project.call("generate", "--check").out == "all generated files are up to date.\n"
        (project.suite_file.parent / names.SUITE_JSON).write_text("{}")
        check = project.call("generate", "--check", "--json")
        assert (check.code, check.document) == (1, {"differing": ["k6/tiny/suite.json"]})
        assert f"run `{COMMAND} generate`" in project.call("generate", "--check").out
        assert project.call("generate", "--json").document == {"written": ["k6/tiny/suite.json"]}


class TestTheDoctor:
    def test_looks_at_the_store_and_leaves_it_alone(self, project: Project, tmp_path: Path) -> None:
        answer = project.call("doctor", "--json")
        checks = {check["name"]: check for check in answer.document}
        assert checks["store"]["sentence"] == str(project.home / names.STORE_FILE)
        elsewhere = {names.ENV_STORE_URL: f"sqlite:///{tmp_path / 'store.sqlite'}"}
        assert "not here yet" in project.call("doctor", **elsewhere).out
        assert list(tmp_path.iterdir()) == []

    def test_says_with_6_what_is_missing(self, project: Project) -> None:
        answer = project.call(
            "doctor", "--target", "own", PERF_PIPELINE_STORE_URL="postgresql://perf@127.0.0.1:1/perf"
        )
        assert answer.code == 6
        failed = [line.split()[1] for line in answer.out.splitlines() if line.startswith("FAIL")]
        assert failed == ["target", "store"]


class TestWhatIsRefused:
    def test_is_refused_with_2_and_one_line_before_anything_starts(self, project: Project) -> None:
        home = {names.ENV_HOME: "/dev/null"}
        refused: list[tuple[list[str], dict[str, str], str]] = [
            (["run", "tinny"], {}, "no suite 'tinny'"),
            (["run", "--target", "lokal"], {}, "no target 'lokal' (there is local, own, staging)"),
            (["run", "--profile", "standart"], {}, "did you mean 'standard'?"),
            (["run", "--prometheus", "http://localhost:9o90"], {}, "'http://localhost:9o90' is not the URL"),
            (["run"], {names.ENV_STORE_URL: "quatsch"}, "the URL of the store cannot be read"),
            (["run"], home, f"/dev/null (it is not a folder): name a folder of yours in {names.ENV_HOME}"),
            (["run"], {names.ENV_ROOT: "/proc"}, f"set {names.ENV_ROOT} to its folder"),
            (["show", "nobody"], {}, f"`{COMMAND} runs` lists them"),
            (["compare", "base-1", "down"], {}, "run down was not measured (not_ready)"),
            (["baseline", "accept", "slow", "--reason", " "], {}, "--reason is empty"),
        ]
        before = sorted(project.home.rglob("*"))
        processes = [project.start(*arguments, **environment) for arguments, environment, _ in refused]
        for process, (arguments, _, sentence) in zip(processes, refused, strict=True):
            answer = said(process)
            assert (arguments, answer.code) == (arguments, 2)
            assert sentence in answer.line
        assert sorted(project.home.rglob("*")) == before

    def test_names_file_and_line_of_a_broken_suite(self, tmp_path: Path) -> None:
        project = cli_parts.make_project(tmp_path)
        project.suite_file.write_text(project.suite_file.read_text().replace("p95: 300ms", "p95: 300", 1))
        answer = project.call("run")
        assert answer.code == 2
        assert "k6/tiny/suite.yaml:" in answer.line
        assert not project.home.exists()

    def test_is_a_misspelt_verb_with_the_right_one(self, project: Project) -> None:
        answer = project.call("rum")
        assert answer.code == 2
        assert "Did you mean 'run'" in answer.err
