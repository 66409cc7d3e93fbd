"""What a suite file says of runs that start by themselves, of deploys, archives and owners."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_suite_file import GOOD, SCRIPT

from perf_pipeline.suite import (
    ArchivePolicy,
    Deploys,
    DeploySource,
    GithubPlace,
    JsonPlace,
    PrometheusPlace,
    Suite,
)
from perf_pipeline.suite_file import SuiteError, load_suite

DAY_S = 86_400


class Written:
    """The good suite with one thing added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def suite(self, *, target: str = "", local: str = "", top: str = "") -> Suite:
        """``target``: a line of target staging; ``local``: one of target local; ``top``: one of the file."""
        text = GOOD
        for key, line in (("    base_url:", target), ("    start:", local)):
            if line:
                text = text.replace(key, f"    {line}\n{key}")
        (self._folder / "suite.yaml").write_text(f"{text}{top}\n")
        return load_suite(self._folder)

    def problem(self, **lines: str) -> str:
        """The only one, without file and line."""
        with pytest.raises(SuiteError) as caught:
            self.suite(**lines)
        (said,) = caught.value.problems
        return said.split(": ", 1)[1]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    folder = tmp_path / "k6" / "shop"
    folder.mkdir(parents=True)
    (folder / "scenario.js").write_text(SCRIPT)
    return Written(folder)


class TestSchedules:
    LINE = "schedules: {{nightly: {{cron: 0 4 * * *, timezone: UTC, profile: half{}}}}}"

    def test_are_off_for_a_target_that_is_not_local(self, written: Written) -> None:
        (nightly,) = written.suite(target=self.LINE.format("")).targets["staging"].schedules
        assert (nightly.name, nightly.enabled) == ("nightly", False)

    def test_are_on_where_the_file_says_so(self, written: Written) -> None:
        (nightly,) = written.suite(target=self.LINE.format(", enabled: true")).targets["staging"].schedules
        assert nightly.enabled

    def test_are_on_for_local(self, written: Written) -> None:
        (nightly,) = written.suite(local=self.LINE.format("")).targets["local"].schedules
        assert nightly.enabled

    def test_are_on_or_off_and_nothing_else(self, written: Written) -> None:
        said = written.problem(target=self.LINE.format(", enabled: sometimes"))
        assert said == "targets.staging.schedules.nightly.enabled: 'sometimes' is neither true nor false"


class TestDeploys:
    def test_are_told_by_markers_unless_the_file_says_more(self, written: Written) -> None:
        assert written.suite().targets["staging"].deploys is None
        assert written.suite(target="deploys: {}").targets["staging"].deploys == Deploys(
            source=DeploySource.MARKER, profile="standard", settle_s=60
        )

    def test_are_seen_where_the_target_says_its_revision(self, written: Written) -> None:
        line = "deploys: {source: version, profile: half, settle: 90s, enabled: true}"
        assert written.suite(target=line).targets["staging"].deploys == Deploys(
            source=DeploySource.VERSION,
            profile="half",
            settle_s=90,
            enabled=True,
            version=JsonPlace(path="/about", pointer="/git/sha"),
        )

    def test_may_be_seen_in_a_prometheus(self, written: Written) -> None:
        place = "{url: http://127.0.0.1:9090, query: 'shop_build_info{job=\"shop\"}', label: revision}"
        deploys = written.suite(target=f"deploys: {{source: prometheus, prometheus: {place}}}")
        assert deploys.targets["staging"].deploys == Deploys(
            source=DeploySource.PROMETHEUS,
            profile="standard",
            settle_s=60,
            prometheus=PrometheusPlace(
                url="http://127.0.0.1:9090", query='shop_build_info{job="shop"}', label="revision"
            ),
        )

    def test_may_be_seen_on_github(self, written: Written) -> None:
        place = "{repository: acme/shop, environment: production, token_from_env: GITHUB_TOKEN}"
        deploys = written.suite(target=f"deploys: {{source: github, github: {place}}}")
        found = deploys.targets["staging"].deploys
        assert found is not None
        assert found.github == GithubPlace(
            repository="acme/shop",
            environment="production",
            token_from_env="GITHUB_TOKEN",  # noqa: S106 - the name of a variable
            api="https://api.github.com",
        )

    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            (
                "deploys: {source: jenkins}",
                "targets.staging.deploys.source: 'jenkins' is unknown;"
                " there is marker, version, prometheus, github",
            ),
            (
                "deploys: {profile: haf}",
                "targets.staging.deploys.profile: there is no profile 'haf'; did you mean 'half'?",
            ),
            (
                "deploys: {version: {path: /v, pointer: /r}}",
                "targets.staging.deploys.version: belongs to 'source: version', but the source is marker",
            ),
            (
                "deploys: {source: prometheus}",
                "targets.staging.deploys: 'prometheus' is missing; add for example"
                " 'prometheus: {url: http://127.0.0.1:9090, query: shop_build_info, label: revision}'",
            ),
            (
                "deploys: {source: github, github: {repository: shop, environment: production}}",
                "targets.staging.deploys.github.repository: 'shop' is not a repository; write owner/name",
            ),
            (
                "deploys: {source: github, github: {repository: a/b, environment: x, token_from_env: ghp_1}}",
                "targets.staging.deploys.github.token_from_env: 'ghp_1' is not the name of an environment"
                " variable; the value itself never goes here",
            ),
        ],
    )
    def test_are_refused_in_one_sentence(self, written: Written, line: str, sentence: str) -> None:
        assert written.problem(target=line) == sentence

    def test_cannot_be_seen_on_a_target_that_each_run_starts(self, written: Written) -> None:
        line = "deploys: {source: version, version: {path: /version, pointer: /revision}}"
        assert written.problem(local=line) == (
            "targets.local.deploys.source: a target that is started for each run has no deploys;"
            " use the marker"
        )


class TestArchivesAndOwners:
    def test_are_kept_for_more_than_a_year_unless_the_file_says_otherwise(self, written: Written) -> None:
        assert written.suite().archive == ArchivePolicy(keep_s=400 * DAY_S, runs=1000, tsdb=True)

    def test_are_kept_as_the_file_says(self, written: Written) -> None:
        found = written.suite(top="archive: {keep: 30d, runs: 50, tsdb: false}").archive
        assert found == ArchivePolicy(keep_s=30 * DAY_S, runs=50, tsdb=False)

    def test_have_owners_as_dagster_shows_them(self, written: Written) -> None:
        suite = written.suite(top="owners: ['team:backend', anna@example.com]")
        assert suite.owners == ("team:backend", "anna@example.com")

    @pytest.mark.parametrize(
        ("top", "sentence"),
        [
            ("archive: {keep: 30}", "archive.keep: 30 has no unit; write 30d"),
            ("archive: {keep: 400000d}", "archive.keep: 400000d is too long; the longest is 36500d"),
            ("archive: {runs: none}", "archive.runs: 'none' is not a whole number"),
            (
                "owners: [anna]",
                "owners[0]: 'anna' is not an owner; write an e-mail address or for example team:backend",
            ),
        ],
    )
    def test_are_refused_in_one_sentence(self, written: Written, top: str, sentence: str) -> None:
        assert written.problem(top=top) == sentence
