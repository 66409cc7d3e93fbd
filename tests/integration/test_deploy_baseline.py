"""A run that follows a deploy is compared with runs from before that deploy, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import fingerprint, load_result, samples, slo_report, suite
from postgres import postgres_server, postgres_url  # noqa: F401
from store_parts import at, begun, measured, ran

from perf_pipeline.core.model import Deploy, RunRequest
from perf_pipeline.defs.comparing import compare_with_baseline
from perf_pipeline.defs.series import next_request
from perf_pipeline.store.repository import Store

SEEN_AT = 4  # minute
RUN = "run-9"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        yield opened


def asked(deploy: bool = True, *, revision: str = "b", number: int = 1) -> RunRequest:
    told = Deploy(
        number=number, revision=revision, previous_revision="a", source="version", seen_at=at(SEEN_AT)
    )
    return RunRequest(
        suite="multiplayer", target="local", profile="standard", deploy=told if deploy else None
    )


def compared_with(store: Store, *, deploy: bool = True, revision: str = "b", number: int = 1) -> list[str]:
    begun(store, RUN, 9, request=asked(deploy, revision=revision, number=number))
    comparison = compare_with_baseline(
        suite=suite(),
        load=load_result(run_id=RUN, started_at=at(9)),
        slo=slo_report(run_id=RUN),
        store=store,
        run_folder=Path,
        read_samples=lambda folder: samples(seed=int(folder.name[-1])),
    )
    return comparison.baseline.run_ids if comparison.baseline else []


class TestARunAfterADeploy:
    def test_is_not_compared_with_what_was_accepted_between_its_sight_and_its_run(self, store: Store) -> None:
        """A nightly run began at minute 5, measured the new revision and entered the baseline."""
        for minute in (1, 3, 5):
            ran(store, f"run-{minute}", minute)
        assert compared_with(store) == ["run-1", "run-3"]

    def test_has_no_baseline_when_all_runs_are_of_its_deploy(self, store: Store) -> None:
        ran(store, "run-5", 5)
        assert compared_with(store) == []

    def test_that_follows_none_is_compared_with_all_before_it(self, store: Store) -> None:
        for minute in (1, 3, 5):
            ran(store, f"run-{minute}", minute)
        assert compared_with(store, deploy=False) == ["run-1", "run-3", "run-5"]

    def test_is_not_compared_with_its_own_revision_that_ran_before_anybody_said_so(
        self, store: Store
    ) -> None:
        for minute in (1, 2, 3):
            ran(store, f"run-{minute}", minute)  # of rev-of-run-1, ...
        assert compared_with(store, revision="rev-of-run-3") == ["run-1", "run-2"]

    def test_that_goes_back_is_compared_with_what_its_revision_was_before(self, store: Store) -> None:
        place = ("multiplayer", "local")
        for minute, revision in ((0, "rev-of-run-1"), (2, "b"), (4, "rev-of-run-1")):
            store.mark_deploy(*place, revision, note="", at=at(minute))
            deploy = store.open_deploys()[-1]
            store.launch_deploy(deploy, "here", "", at(minute))
        for minute in (1, 3):
            ran(store, f"run-{minute}", minute)
        assert compared_with(store, revision="rev-of-run-1", number=3) == ["run-1", "run-3"]

    def test_keeps_its_deploy_in_the_run_that_confirms_it(self, store: Store) -> None:
        begun(store, RUN, 9, request=asked())
        record = measured(RUN, started_at=at(9)).model_copy(update={"asks": "perhaps slower"})
        store.save_record(record, at(11))
        following = next_request(store.find_run(RUN), launched_by="confirmation")
        assert following is not None
        assert following.deploy == asked().deploy


class TestTheRevisionInTheStore:
    def test_of_a_target_that_does_not_tell_is_the_one_that_was_deployed(self, store: Store) -> None:
        begun(store, RUN, 9, request=asked())
        assert store.find_run(RUN).revision == "b"
        record = measured(RUN, started_at=at(9))
        silent = record.load.model_copy(update={"revision_before": None, "revision_after": None})
        stack = record.stack.model_copy(update={"request": asked(), "revision": None})
        store.save_record(record.model_copy(update={"load": silent, "stack": stack}), at(11))
        assert store.find_run(RUN).revision == "b"

    def test_is_the_targets_own_where_it_tells(self, store: Store) -> None:
        begun(store, RUN, 9, request=asked())
        store.save_record(measured(RUN, started_at=at(9), under=fingerprint()), at(11))
        assert store.find_run(RUN).revision == f"rev-of-{RUN}"
