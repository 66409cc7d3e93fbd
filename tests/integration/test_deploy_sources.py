"""Where deploys are seen, asked over real connections: what they show, and how badly they may answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import misbehaving
import pytest
from misbehaving import Server, says, sends

from perf_pipeline.core.deploys import Observation
from perf_pipeline.deploys.github import GithubDeployments
from perf_pipeline.deploys.looking import DEADLINE_S, look_at_all, look_every, source_of
from perf_pipeline.deploys.prometheus import BuildInfo
from perf_pipeline.ports import free_port
from perf_pipeline.suite import (
    Deploys,
    DeploySource,
    GithubPlace,
    JsonPlace,
    PrometheusPlace,
    Target,
)

VERSION = "/api/v1/health/"
SECRET = "ghp_verysecret"  # noqa: S105
ENVIRONMENT = {"SHOP_TOKEN": SECRET}


@pytest.fixture
def server() -> Iterator[Server]:
    with misbehaving.serving() as running:
        yield running


def shop(url: str, name: str = "staging", **overrides: Any) -> Target:
    """A target that is watched at its own version endpoint."""
    good: dict[str, Any] = {
        "name": name,
        "base_url": url,
        "health_path": VERSION,
        "max_requests_per_s": 50.0,
        "max_users": 50,
        "max_duration_s": 600.0,
        "deploys": Deploys(
            source=DeploySource.VERSION,
            profile="smoke",
            settle_s=60.0,
            enabled=True,
            version=JsonPlace(path=VERSION, pointer="/build/version"),
        ),
    }
    return Target(**(good | overrides))


def seen(source: Any) -> Observation:
    return look_at_all({"it": source})["it"]


def version_of(server: Server, **overrides: Any) -> Observation:
    return seen(source_of(shop(server.url, **overrides)))


def runs(revision: Any) -> Any:
    return {"status": "ok", "build": {"version": revision}}


class TestTheVersionEndpoint:
    def test_shows_the_value_at_its_pointer(self, server: Server) -> None:
        server.answers[VERSION] = says(runs("1.5.0"))
        assert version_of(server) == Observation(frozenset({"1.5.0"}))

    def test_shows_a_number_as_text(self, server: Server) -> None:
        server.answers[VERSION] = says(runs(42))
        assert version_of(server).revisions == {"42"}

    def test_is_asked_on_fresh_connections_so_that_replicas_are_seen(self, server: Server) -> None:
        server.answers[VERSION] = misbehaving.one_after_the_other(runs("1.4.0"), runs("1.5.0"))
        assert version_of(server).revisions == {"1.4.0", "1.5.0"}

    def test_gets_the_headers_of_the_target(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STAGING_AUTHORIZATION", f"Bearer {SECRET}")
        server.answers[VERSION] = says(runs("1.5.0"))
        version_of(server, headers_from_env={"Authorization": "STAGING_AUTHORIZATION"})
        assert {headers["Authorization"] for _, _, headers in server.asked} == {f"Bearer {SECRET}"}

    def test_is_not_asked_without_the_secret_that_it_needs(self, server: Server) -> None:
        found = version_of(server, headers_from_env={"Authorization": "NOT_SET_ANYWHERE"})
        assert "NOT_SET_ANYWHERE is not set" in found.failure
        assert server.asked == []


BAD_ANSWERS = {
    "garbage": (sends(b"\xff\xfe\x00{"), "answers something that is not JSON"),
    "HTML": (sends(b"<html>It works!</html>", Content_Type="text/html"), "something that is not JSON"),
    "a 500": (sends(b'{"build": {"version": "1.5.0"}}', 500), "answers 500 instead of 200"),
    "a 204": (sends(b"", 204), "answers 204 instead of 200"),
    "a redirect": (sends(b"", 302, Location="/elsewhere"), "redirects elsewhere, which is never followed"),
    "5 MB": (misbehaving.sends_five_megabytes, "sends more than 64 kB"),
    "a hung-up line": (misbehaving.hangs_up, "gives no answer"),
    "JSON without it": (says({"status": "ok"}), "answers without a value at /build/version"),
    "a null": (says(runs(None)), "is no text and no number"),
    "an object": (says(runs({"major": 1})), "is no text and no number"),
    "an empty text": (says(runs("  ")), "is empty"),
    "a novel": (says(runs("1" * 201)), "is longer than 200 characters"),
    "control characters": (says(runs("1\x1b[2J")), "has control characters"),
    "JSON nested without end": (sends(b"[" * 60_000), "answers something that is not JSON"),
}
SLOW_ANSWERS = {
    "a stall of 30 s": misbehaving.stalls,
    "headers that drip": misbehaving.drips_its_headers,
    "a body that drips": misbehaving.drips_its_body,
}


class TestAnAnswerThatIsNone:
    @pytest.mark.parametrize("case", BAD_ANSWERS)
    def test_is_a_failure_with_its_reason_and_no_revision(self, server: Server, case: str) -> None:
        server.answers[VERSION], why = BAD_ANSWERS[case]
        server.answers["/elsewhere"] = says(runs("1.5.0"))
        found = version_of(server)
        assert (found.revisions, why in found.failure) == (frozenset(), True), found
        assert "/elsewhere" not in [path for path, _, _ in server.asked]

    def test_is_a_failure_when_nobody_listens(self) -> None:
        found = seen(source_of(shop(f"http://127.0.0.1:{free_port()}")))
        assert "cannot be reached" in found.failure

    def test_of_one_replica_is_a_failure_of_the_whole_look(self, server: Server) -> None:
        server.answers[VERSION] = misbehaving.one_after_the_other(runs("1.5.0"), {"status": "starting"})
        assert "answers without a value" in version_of(server).failure

    def test_that_never_ends_costs_all_targets_together_no_more_than_one_deadline(
        self, server: Server
    ) -> None:
        targets = {}
        for number, (name, answer) in enumerate(SLOW_ANSWERS.items()):
            path = f"/slow/{number}"
            server.answers[path] = answer
            place = JsonPlace(path=path, pointer="/build/version")
            deploys = shop(server.url).deploys
            assert deploys is not None
            targets[name] = shop(server.url, deploys=deploys.model_copy(update={"version": place}))
        server.answers[VERSION] = says(runs("1.5.0"))
        targets["a good one"] = shop(server.url)
        sources = {name: source_of(target) for name, target in targets.items()}
        began = time.monotonic()
        found = look_at_all({name: source for name, source in sources.items() if source})
        assert time.monotonic() - began < 12, "a tick may take 15 s"
        assert found.pop("a good one").revisions == {"1.5.0"}
        assert [one.failure for one in found.values()] == [f"no answer within {DEADLINE_S:g} s"] * 3

    def test_of_a_source_that_breaks_hides_no_other(self, server: Server) -> None:
        class Broken:
            async def look(self) -> Observation:
                raise ZeroDivisionError

        server.answers[VERSION] = says(runs("1.5.0"))
        good = source_of(shop(server.url))
        assert good is not None
        found = look_at_all({"broken": Broken(), "good": good})
        assert found["broken"].failure == "internal error while looking (ZeroDivisionError)"
        assert found["good"].revisions == {"1.5.0"}


class TestBuildInfoInPrometheus:
    QUERY = "/api/v1/query"

    def look(self, server: Server) -> Observation:
        place = PrometheusPlace(url=server.url, query='shop_build_info{env="x"}', label="revision")
        return seen(BuildInfo(place))

    @staticmethod
    def vector(*labels: Any) -> Any:
        series = [{"metric": {"__name__": "shop_build_info", **one}, "value": [1.5, "1"]} for one in labels]
        return {"status": "success", "data": {"resultType": "vector", "result": series}}

    def test_shows_the_label_of_every_replica(self, server: Server) -> None:
        replicas = [{"instance": "a", "revision": "1.4.0"}, {"instance": "b", "revision": "1.5.0"}]
        server.answers[self.QUERY] = says(self.vector(*replicas, replicas[1]))
        assert self.look(server).revisions == {"1.4.0", "1.5.0"}
        assert server.asked[0][1] == {"query": ['shop_build_info{env="x"}']}

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (says({"status": "success", "data": {"resultType": "vector", "result": []}}), "has no series"),
            (says({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}), "no vector"),
            (says({"status": "error", "error": "parse error"}), "does not answer as Prometheus does"),
            (says([1]), "does not answer as Prometheus does"),
            (sends(b"{}", 400), "answers 400 instead of 200"),
        ],
    )
    def test_that_shows_nothing_is_a_failure(self, server: Server, answer: Any, why: str) -> None:
        server.answers[self.QUERY] = answer
        assert why in self.look(server).failure

    def test_of_a_series_without_the_label_is_a_failure(self, server: Server) -> None:
        server.answers[self.QUERY] = says(self.vector({"revision": "1.4.0"}, {"instance": "b"}))
        assert "label revision of shop_build_info" in self.look(server).failure


DEPLOYMENTS = "/repos/acme/shop/deployments"


def deployment(number: int, sha: str) -> dict[str, Any]:
    """As GitHub's REST API recorded it, without what nobody reads."""
    return {
        "url": f"https://api.github.com/repos/acme/shop/deployments/{number}",
        "id": number,
        "node_id": "DE_kwDOAbCdEf4A",
        "task": "deploy",
        "original_environment": "production",
        "environment": "production",
        "description": None,
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:02:00Z",
        "statuses_url": f"https://api.github.com/repos/acme/shop/deployments/{number}/statuses",
        "repository_url": "https://api.github.com/repos/acme/shop",
        "creator": {"login": "ci-bot", "id": 1, "type": "Bot", "site_admin": False},
        "sha": sha,
        "ref": "main",
        "payload": {},
        "transient_environment": False,
        "production_environment": True,
        "performed_via_github_app": None,
    }


def statuses(*states: str) -> list[dict[str, Any]]:
    """Newest first."""
    return [
        {
            "url": f"https://api.github.com/repos/acme/shop/deployments/1/statuses/{number}",
            "id": number,
            "state": state,
            "creator": {"login": "ci-bot", "id": 1, "type": "Bot"},
            "description": "",
            "environment": "production",
            "target_url": "",
            "created_at": "2026-11-20T10:02:00Z",
            "updated_at": "2026-11-20T10:02:00Z",
        }
        for number, state in enumerate(states)
    ]


class TestDeploymentsOnGithub:
    def look(self, server: Server, **environ: str) -> Observation:
        variable = next(iter(ENVIRONMENT))
        place = GithubPlace(
            repository="acme/shop", environment="production", token_from_env=variable, api=server.url
        )
        return seen(GithubDeployments(place, environ or ENVIRONMENT))

    def recorded(self, server: Server, *found: tuple[int, str, list[dict[str, Any]]]) -> None:
        server.answers[DEPLOYMENTS] = says([deployment(number, sha) for number, sha, _ in found])
        for number, _, of_it in found:
            server.answers[f"{DEPLOYMENTS}/{number}/statuses"] = says(of_it)

    def test_show_the_newest_one_that_succeeded(self, server: Server) -> None:
        self.recorded(
            server,
            (14, "d" * 40, statuses("in_progress", "queued")),
            (13, "c" * 40, statuses("failure", "in_progress")),
            (12, "b" * 40, statuses("success", "in_progress", "queued")),
            (11, "a" * 40, statuses("inactive", "success")),
        )
        assert self.look(server).revisions == {"b" * 40}
        path, query, headers = server.asked[0]
        assert (path, query["environment"]) == (DEPLOYMENTS, ["production"])
        assert {headers["authorization"] for _, _, headers in server.asked} == {f"Bearer {SECRET}"}
        assert headers["accept"] == "application/vnd.github+json"

    def test_show_one_that_another_environment_made_inactive_since(self, server: Server) -> None:
        self.recorded(server, (11, "a" * 40, statuses("inactive", "success", "queued")))
        assert self.look(server).revisions == {"a" * 40}

    def test_are_a_failure_when_none_succeeded(self, server: Server) -> None:
        self.recorded(server, (11, "a" * 40, statuses("error")))
        assert "has no successful deployment to production" in self.look(server).failure

    def test_are_a_failure_without_the_token(self, server: Server) -> None:
        found = self.look(server, OTHER="x")
        assert "the token in SHOP_TOKEN, which is not set" in found.failure
        assert server.asked == []

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (sends(b'{"message": "Bad credentials"}', 401), "answers 401 instead of 200"),
            (sends(b'{"message": "API rate limit exceeded"}', 403), "answers 403 instead of 200"),
            (sends(b"", 301, Location="https://elsewhere.example.com/"), "which is never followed"),
            (says({"message": "Not Found"}), "does not answer as GitHub does"),
            (says([{"id": "../../x", "sha": "a"}]), "does not answer as GitHub does"),
        ],
    )
    def test_that_cannot_be_read_are_a_failure_that_tells_no_token(
        self, server: Server, answer: Any, why: str
    ) -> None:
        server.answers[DEPLOYMENTS] = answer
        found = self.look(server)
        assert why in found.failure
        assert SECRET not in found.failure

    def test_tell_no_token_when_it_cannot_be_sent(self, server: Server) -> None:
        for token in (f"{SECRET}\nX-Evil: 1", f"{SECRET}é"):
            found = self.look(server, SHOP_TOKEN=token)
            assert "gives no answer" in found.failure
            assert SECRET not in found.failure

    def test_are_not_asked_for_more_often_than_somebody_without_a_token_may(self) -> None:
        place = GithubPlace(
            repository="acme/shop", environment="production", token_from_env=None, api="https://127.0.0.1"
        )
        deploys = Deploys(source=DeploySource.GITHUB, profile="smoke", settle_s=60.0, github=place)
        target = shop("http://127.0.0.1:1", deploys=deploys)
        looks_an_hour = 3600 / look_every(target).total_seconds()
        assert looks_an_hour * 4 <= 60, "also while the newest two deployments have not succeeded"
        assert look_every(shop("http://127.0.0.1:1")) == timedelta(0)

    def test_without_a_token_have_no_header_for_it(self, server: Server) -> None:
        self.recorded(server, (11, "a" * 40, statuses("success")))
        place = GithubPlace(
            repository="acme/shop", environment="production", token_from_env=None, api=server.url
        )
        assert seen(GithubDeployments(place)).revisions == {"a" * 40}
        assert not any("authorization" in {name.lower() for name in one} for _, _, one in server.asked)


class TestATargetThatOnlyMarkersTellOf:
    def test_is_not_looked_at(self) -> None:
        marker = Deploys(source=DeploySource.MARKER, profile="smoke", settle_s=60.0)
        assert source_of(shop("http://127.0.0.1:1", deploys=marker)) is None
        assert source_of(shop("http://127.0.0.1:1", deploys=None)) is None
        assert look_at_all({}) == {}
