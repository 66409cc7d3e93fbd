"""What the reference backend promises: the contract, the same bytes at every start, and its own command."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from backend_parts import ROOM, START_TIMEOUT_S, STOP_TIMEOUT_S, UPDATE, Backend, command, running, seconds

from perf_pipeline.demo import fixtures


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backend")


@pytest.fixture(scope="module")
def backend(data_dir: Path) -> Iterator[Backend]:
    with running(data_dir, "--revision", "abc1234") as started:
        yield started


class TestThePlayersPart:
    def test_a_player_joins_plays_and_appears_in_state_and_leaderboard(self, backend: Backend) -> None:
        code = backend.room()
        assert len(code) == 6
        player = backend.join(code, "p1").json()
        assert player["cash"] == 10000
        backend.join(code, "p2")

        updated = backend.api.put(f"/multiplayer/players/{player['id']}", json=UPDATE)
        assert updated.status_code == 200
        assert UPDATE.items() <= updated.json().items()

        state = backend.api.get(f"/multiplayer/rooms/{code}/state").json()
        assert (state["room_code"], state["status"], state["total_players"]) == (code, "waiting", 2)
        first, second = backend.api.get(f"/multiplayer/rooms/{code}/leaderboard").json()
        assert first == {
            "rank": 1,
            "player_id": player["id"],
            "player_name": "p1",
            "score": 12.5,
            "grade": "B",
            "portfolio_value": 10010.0,
            "total_return_pct": 0.1,
            "current_day": 3,
            "is_finished": False,
        }
        assert (second["rank"], second["player_name"]) == (2, "p2")

    def test_a_name_is_unique_within_its_room_only(self, backend: Backend) -> None:
        code = backend.room()
        assert backend.join(code, "p1").status_code == 200
        again = backend.join(code, "p1")
        assert again.status_code == 400
        assert again.json() == {"detail": "Player name 'p1' is already taken in this room"}
        assert backend.join(backend.room(), "p1").status_code == 200

    @pytest.mark.parametrize("num_days", [0, 91])
    def test_a_room_lasts_1_to_90_days(self, backend: Backend, num_days: int) -> None:
        config = {**ROOM["config"], "num_days": num_days}  # type: ignore[dict-item]
        refused = backend.api.post("/multiplayer/rooms", json={**ROOM, "config": config})
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["body", "config", "num_days"]

    def test_unknown_rooms_and_players_are_404(self, backend: Backend) -> None:
        assert backend.join("AAAAAA", "p1").status_code == 404
        for path in ("/multiplayer/rooms/AAAAAA/state", "/multiplayer/rooms/AAAAAA/leaderboard"):
            assert backend.api.get(path).status_code == 404
        assert backend.api.put("/multiplayer/players/nobody", json=UPDATE).status_code == 404

    @pytest.mark.parametrize("missing", sorted(UPDATE))
    def test_an_update_without_one_of_its_fields_is_422_and_names_it(
        self, backend: Backend, missing: str
    ) -> None:
        update = {field: value for field, value in UPDATE.items() if field != missing}
        refused = backend.api.put("/multiplayer/players/any", json=update)
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["body", missing]


class TestTheMarketsPart:
    def test_news_has_articles_newest_first(self, backend: Backend) -> None:
        articles = backend.api.get("/news/").json()
        assert len(articles) == 50
        assert {"ticker", "headline", "content", "source", "published_at", "url"} <= articles[0].keys()
        times = [article["published_at"] for article in articles]
        assert times == sorted(times, reverse=True)

    def test_a_week_of_recommendations_is_five_trading_days_of_20_tickers(self, backend: Backend) -> None:
        page = backend.api.get("/recommendations/?days=7").json()
        assert (page["total"], page["page"], page["page_size"]) == (100, 1, 50)
        assert len(page["recommendations"]) == 50

    def test_30_days_of_game_data_are_about_120_kb(self, backend: Backend) -> None:
        answer = backend.api.get("/game/data?days=30")
        assert 110_000 < len(answer.content) < 130_000
        game = answer.json()
        assert len(game["days"]) == game["total_days"] == 30
        assert len(game["tickers"]) == 20
        assert [day["day"] for day in game["days"]] == list(range(30))
        assert (game["days"][0]["date"], game["days"][-1]["date"]) == (game["start_date"], game["end_date"])
        for day in game["days"]:
            assert len(day["recommendations"]) == len(day["prices"]) == (20 if day["is_trading_day"] else 0)

    @pytest.mark.parametrize(
        ("path", "slashed"),
        [
            ("/news", "/news/"),
            ("/health", "/health/"),
            ("/recommendations?days=7", "/recommendations/?days=7"),
        ],
    )
    def test_the_path_without_its_slash_is_a_redirect(
        self, backend: Backend, path: str, slashed: str
    ) -> None:
        answer = backend.api.get(path)
        assert answer.status_code == 307
        assert answer.headers["location"].endswith(f"/api/v1{slashed}")


class TestWhatItSaysOfItself:
    def test_its_revision_in_health_and_version(self, backend: Backend) -> None:
        health = backend.api.get("/health/").json()
        assert (health["status"], health["version"]) == ("healthy", "abc1234")
        version = backend.root.get("/version").json()
        assert (version["revision"], version["data_volume"]) == ("abc1234", "730d-20t")

    def test_its_requests_and_their_durations_as_metrics(self, backend: Backend) -> None:
        backend.api.get(f"/multiplayer/rooms/{backend.room()}/state")
        metrics = backend.root.get("/metrics").text
        handler = 'handler="/api/v1/multiplayer/rooms/{room_code}/state",method="GET"'
        assert f'http_requests_total{{{handler},status="200"}}' in metrics
        assert f"http_request_duration_seconds_count{{{handler}}}" in metrics


READS = ("/news/", "/recommendations/?days=7", "/game/data?days=30", "/game/data?days=90")


def fingerprint(backend: Backend) -> dict[str, str]:
    """Digests of what the first client after a start gets."""
    room = backend.api.post("/multiplayer/rooms", json=ROOM)
    answers = {path: backend.api.get(path) for path in READS}
    answers |= {"room": room, "player": backend.join(room.json()["room_code"], "p1")}
    assert all(answer.is_success for answer in answers.values())
    return {name: sha256(answer.content).hexdigest()[:16] for name, answer in answers.items()}


class TestEqualStarts:
    def test_two_builds_and_a_second_start_answer_with_the_same_bytes(self, tmp_path: Path) -> None:
        with running(tmp_path / "one") as first:
            expected = fingerprint(first)
        (market,) = (tmp_path / "one").glob("market-*.sqlite")
        built = market.stat().st_mtime_ns
        with running(tmp_path / "one") as again:
            assert fingerprint(again) == expected  # rooms of the first start are gone, too
        assert market.stat().st_mtime_ns == built
        with running(tmp_path / "two") as elsewhere:
            assert fingerprint(elsewhere) == expected

    def test_the_data_are_those_of_this_fixture_version(self) -> None:
        """Changed on purpose? Raise FIXTURE_VERSION, or folders built before keep the old data."""
        digest = sha256()
        for row in (*fixtures.prices(730), *fixtures.articles()):
            digest.update(repr(row).encode())
        for row in fixtures.recommendations(list(fixtures.prices(730))):
            digest.update(repr(row).encode())
        assert (fixtures.FIXTURE_VERSION, digest.hexdigest()[:16]) == (1, "29ecb7642cf13604")

    def test_the_volume_of_data_is_a_setting(self, tmp_path: Path) -> None:
        with running(tmp_path, "--days", "60") as small:
            assert small.root.get("/version").json()["data_volume"] == "60d-20t"
            assert small.api.get("/game/data?days=90").json()["total_days"] == 60


class TestItsCommand:
    def test_a_taken_port_is_one_sentence_and_exit_code_2(self, backend: Backend, tmp_path: Path) -> None:
        port = backend.root.base_url.port
        assert port is not None
        refused = refusal(command(tmp_path, port=port))
        assert refused == f"Port {port} on 127.0.0.1 is already in use: give another --port."

    def test_a_data_folder_of_another_backend_is_refused(self, backend: Backend, data_dir: Path) -> None:
        assert backend.process.poll() is None
        assert "is in use by another reference backend" in refusal(command(data_dir))

    @pytest.mark.parametrize("days", ["29", "many"])
    def test_a_volume_that_does_not_work_is_refused(self, tmp_path: Path, days: str) -> None:
        assert f"'{days}' days does not work: give 30 to 3650" in refusal(command(tmp_path, "--days", days))

    def test_a_misspelt_fault_is_refused(self, tmp_path: Path) -> None:
        said = refusal(command(tmp_path, "--faults", "slow=get_gamedata:50%"))
        assert "did you mean 'get_game_data'?" in said

    def test_sigterm_ends_it_within_a_second_even_with_an_answer_held_back(self, tmp_path: Path) -> None:
        with running(tmp_path, "--faults", "slow=get_news:9s") as backend:
            asking = threading.Thread(target=cut_off, args=(backend,))
            asking.start()
            time.sleep(0.2)  # the request is in by then
            backend.process.send_signal(signal.SIGTERM)
            assert seconds(lambda: backend.process.wait(STOP_TIMEOUT_S)) < 1.2  # 0.7 on an idle machine
            asking.join(STOP_TIMEOUT_S)
            assert not asking.is_alive()


def refusal(argv: list[str]) -> str:
    ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=START_TIMEOUT_S)
    assert (ended.returncode, ended.stdout) == (2, "")
    (sentence,) = ended.stderr.splitlines()
    return sentence


def cut_off(backend: Backend) -> None:
    with contextlib.suppress(httpx.HTTPError):  # or a 500, whichever the server still manages
        backend.api.get("/news/")
