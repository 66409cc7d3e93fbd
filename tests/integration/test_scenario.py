"""The k6 library and both scenarios, run by the real k6 against real servers.

All runs happen at once, before the first test: each takes seconds of waiting and next to no CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from backend_parts import running
from scenario_parts import SHOP, Run, Shop, copy_of_suite, run_k6, shop

CAP = 10  # requests per second
SCRIPT = SHOP / "scenario.js"
TOKEN = "token-that-nobody-may-see"  # noqa: S105 - of nothing
# Multiplayer's smoke profile, shorter.
SHORT = {
    "suite.yaml": {
        "rate: 8/s\n    duration: 16s": "rate: 10/s\n    duration: 2s",
        "p95: 100}": "p95: 10, p50: 10}",
    }
}
MULTIPLAYER = (
    "join_room",
    "get_news",
    "get_recommendations",
    "get_game_data",
    "leaderboard",
    "update_player",
    "get_state",
)


class Runs:
    def __init__(self, shops: dict[str, Shop], runs: dict[str, Run]) -> None:
        self.shops = shops
        self.runs = runs

    def __getitem__(self, name: str) -> Run:
        return self.runs[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    tmp = tmp_path_factory.mktemp("scenario")
    multiplayer = copy_of_suite("multiplayer", tmp / "short", SHORT)
    capped = copy_of_suite(
        "multiplayer",
        tmp / "capped",
        {"suite.yaml": {**SHORT["suite.yaml"], "limits: {requests: 200/s": f"limits: {{requests: {CAP}/s"}},
    )
    throwing = copy_of_suite(
        "shop",
        tmp / "throwing",
        {
            "scenario.js": {
                "../../../../k6/lib": "../lib",
                "{ product_id: n % 5 }": "{ product_id: missing.id }",
            }
        },
    )
    with ExitStack() as parts:
        shops = {
            name: parts.enter_context(shop(answers))
            for name, answers in {
                "good": {},
                "steps": {},
                "visitors": {},
                "throwing": {},
                "redirecting": {"/products": 307},
                "orderless": {"/orders": 500},
                "failing": {"/products": 500},
                "ill": {"/health": 503},
                "roomless": {"/api/v1/multiplayer/rooms": 500},
                "capped": {"/api/v1/multiplayer/rooms": 500},
            }.items()
        }
        backend = parts.enter_context(running(tmp / "backend"))
        joinless = parts.enter_context(running(tmp / "joinless", "--faults", "fail=join_room:100%"))

        def on(name: str, script: Path = SCRIPT, **environment: str) -> Callable[[], Run]:
            url = shops[name].url if name in shops else "http://127.0.0.1:1"
            return lambda: run_k6(script, tmp / f"run-{name}", BASE_URL=url, **environment)

        secret = {"PERF_SECRET_HEADERS": '{"Authorization": "SHOP_TOKEN"}', "SHOP_TOKEN": TOKEN}
        jobs = {
            "good": on("good", **secret),
            "steps": on("steps", PERF_PROFILE="steps"),
            "visitors": on("visitors", PERF_PROFILE="visitors"),
            "throwing": on("throwing", throwing),
            "redirecting": on("redirecting"),
            "orderless": on("orderless", PERF_PIPELINE="1"),
            "failing": on("failing", PERF_PIPELINE="1"),
            "ill": on("ill"),
            "absent": on("absent"),
            "elsewhere": lambda: run_k6(SCRIPT, tmp / "run-elsewhere", BASE_URL="http://192.0.2.1"),
            "roomless": on("roomless", multiplayer),
            "capped": on("capped", capped),
            "multiplayer": lambda: run_k6(
                multiplayer, tmp / "run-multiplayer", BASE_URL=_url(backend), PERF_RUN_ID="run-7"
            ),
            "joinless": lambda: run_k6(multiplayer, tmp / "run-joinless", BASE_URL=_url(joinless)),
        }
        with ThreadPoolExecutor(len(jobs)) as pool:
            started = {name: pool.submit(job) for name, job in jobs.items()}
            yield Runs(shops, {name: each.result() for name, each in started.items()})


def _url(backend: object) -> str:
    return str(backend.root.base_url).rstrip("/")  # type: ignore[attr-defined]


class TestAFixedRate:
    def test_sends_each_endpoint_by_its_weight(self, runs: Runs) -> None:
        assert runs["good"].exit_code == 0, runs["good"].said
        assert runs["good"].count("http_reqs") == {"list_products": 120, "get_product": 60, "place_order": 18}
        assert runs["good"].count("http_reqs", "warmup") == {
            "list_products": 80,
            "get_product": 40,
            "place_order": 12,
        }

    def test_records_one_latency_per_success(self, runs: Runs) -> None:
        good = runs["good"]
        assert good.count("list_products_latency") == {"list_products": 120}
        assert good.count("product_page_latency") == {"get_product": 60}
        assert good.count("request_failed") == good.count("http_reqs")
        assert {each.value for each in good.of("request_failed")} == {0}
        assert good.count("api_errors") == {}

    def test_tags_each_request(self, runs: Runs) -> None:
        for each in runs["good"].of("http_reqs"):
            assert each.columns["name"] == each.tags["endpoint"]
            assert each.columns["scenario"] == "measure"
            assert (each.tags["suite"], each.tags["profile"], each.tags["target"]) == (
                "shop",
                "smoke",
                "local",
            )
        assert {each.columns["status"] for each in runs["good"].of("http_reqs")} == {"200", "201"}

    def test_never_uses_a_number_twice(self, runs: Runs) -> None:
        orders = [body for method, _, body, _ in runs.shops["good"].seen if method == "POST"]
        assert len(orders) == len(set(orders)) == 12 + 18

    def test_sends_secret_headers_and_shows_them_nowhere(self, runs: Runs) -> None:
        assert {token for *_, token in runs.shops["good"].seen} == {TOKEN}
        assert TOKEN not in runs["good"].said
        assert not any(TOKEN in str(each.columns) for each in runs["good"].samples)


class TestStages:
    def test_start_as_many_iterations_as_planned(self, runs: Runs) -> None:
        assert len(runs["steps"].of("iterations")) == 10 + 11 + 40

    def test_step_from_rate_to_rate(self, runs: Runs) -> None:
        times = [each.at_ms for each in runs["steps"].of("iterations")]
        # The first iteration comes after one interval of 100 ms; 50 ms of room for its answers on each side.
        start = min(times) - 150
        stages = [
            sum(start + a <= t < start + b for t in times) for a, b in ((0, 1100), (1100, 3100), (3100, 9999))
        ]
        assert stages == pytest.approx([10, 11, 40], abs=3)


class TestFixedUsers:
    def test_keep_their_pace(self, runs: Runs) -> None:
        assert runs["visitors"].exit_code == 0, runs["visitors"].said
        assert len(runs["visitors"].of("iterations")) == pytest.approx(4 * 3 / 0.5, abs=4)

    def test_spread_their_starts_over_the_pace(self, runs: Runs) -> None:
        times = [each.at_ms for each in runs["visitors"].of("http_reqs", "warmup")]
        first_of_four_users = sorted(times)[: 4 * 3]
        assert first_of_four_users[-1] - first_of_four_users[0] > 180, "at best 375 ms, together some 10 ms"


class TestAnswersThatAreNotTheExpectedOnes:
    def test_a_redirect_is_a_failure_and_not_followed(self, runs: Runs) -> None:
        redirecting = runs["redirecting"]
        assert redirecting.count("api_errors") == {"list_products": 120}
        assert redirecting.count("http_reqs")["list_products"] == 120
        assert redirecting.count("list_products_latency") == {}
        assert not any(path == "/elsewhere" for _, path, _, _ in runs.shops["redirecting"].seen)

    def test_break_the_objectives_of_a_console_run(self, runs: Runs) -> None:
        assert runs["redirecting"].exit_code == 99
        assert "request_failed{endpoint:list_products,phase:measure}" in runs["redirecting"].said

    def test_are_left_to_the_pipeline_when_it_runs_the_script(self, runs: Runs) -> None:
        assert runs["orderless"].count("api_errors") == {"place_order": 18}
        assert runs["orderless"].exit_code == 0

    def test_trip_the_breaker_when_most_fail(self, runs: Runs) -> None:
        assert runs["failing"].exit_code == 99
        assert (
            "thresholds on metrics 'request_failed{phase:measure}' have been crossed" in runs["failing"].said
        )

    def test_an_exception_silences_nothing_after_it(self, runs: Runs) -> None:
        throwing = runs["throwing"]
        assert throwing.count("api_errors") == {"get_product": 60}
        assert throwing.count("http_reqs") == {"list_products": 120, "place_order": 18}
        assert throwing.said.count("missing is not defined") <= 2 * 24, "said once per user and phase"


class TestSetUp:
    def test_stops_when_the_target_is_not_healthy(self, runs: Runs) -> None:
        assert runs["ill"].exit_code == 107
        assert (
            f"the target at {runs.shops['ill'].url} is not healthy: GET /health gave status 503."
            in runs["ill"].said
        )

    def test_stops_when_there_is_no_target(self, runs: Runs) -> None:
        assert runs["absent"].exit_code == 107
        assert "is not healthy: GET /health gave no answer (dial: connection refused)" in runs["absent"].said

    def test_refuses_an_origin_that_is_not_allowed(self, runs: Runs) -> None:
        assert runs["elsewhere"].exit_code == 107
        assert "BASE_URL http://192.0.2.1 is not in allowed_origins of suite shop" in runs["elsewhere"].said
        assert runs["elsewhere"].of("http_reqs", "setup") == []

    def test_stops_when_no_room_can_be_made(self, runs: Runs) -> None:
        assert runs["roomless"].exit_code == 107
        assert "requests POST /api/v1/multiplayer/rooms to http://127.0.0.1:" in runs["roomless"].said
        assert "failed 3 times" in runs["roomless"].said

    def test_keeps_to_the_targets_limit_on_requests(self, runs: Runs) -> None:
        ended_ms = sorted(each.at_ms for each in runs["capped"].of("http_reqs", "setup"))
        assert len(ended_ms) > 1.5 * CAP
        assert max(sum(start <= each < start + 1000 for each in ended_ms) for start in ended_ms) <= CAP + 1


class TestMultiplayer:
    def test_calls_all_endpoints_of_the_reference_backend(self, runs: Runs) -> None:
        run = runs["multiplayer"]
        assert run.exit_code == 0, run.said
        assert run.count("http_reqs") == dict.fromkeys(MULTIPLAYER, 20)
        assert run.count("api_errors") == {}
        for endpoint in MULTIPLAYER:
            assert len(run.of(f"{endpoint}_latency")) == 20

    def test_prepares_rooms_and_players_unmeasured(self, runs: Runs) -> None:
        # 3 played rooms, and 3 lobbies for 30 joins of the warm-up, 20 measured ones and one to spare.
        assert runs["multiplayer"].count("http_reqs", "setup") == {
            "health": 1,
            "create_room": 6,
            "join_room": 60,
        }

    def test_records_the_success_of_joins(self, runs: Runs) -> None:
        assert [each.value for each in runs["multiplayer"].of("join_room_success")] == [1] * 20
        assert [each.value for each in runs["joinless"].of("join_room_success")] == [0] * 20

    def test_a_broken_join_leaves_the_others_running(self, runs: Runs) -> None:
        run = runs["joinless"]
        assert run.count("http_reqs") == dict.fromkeys(MULTIPLAYER, 20)
        # Without players there is nobody to update: that fails as well, and is not hidden.
        assert run.count("api_errors") == {"join_room": 20, "update_player": 20}
        assert run.exit_code == 99
