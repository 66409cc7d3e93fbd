"""Each fault of the reference backend, as a client sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import httpx
import pytest
from backend_parts import STOP_TIMEOUT_S, Backend, running, seconds


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with running(tmp_path_factory.mktemp("healthy")) as backend:
        yield backend


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    faults = (
        "slow=get_game_data:300%,slow=get_news:400ms,tail=get_recommendations:25%:300ms,fail=join_room:50%"
    )
    with running(tmp_path_factory.mktemp("faulty"), "--faults", faults) as backend:
        yield backend


class TestSlow:
    def test_by_a_share_of_the_latency(self, healthy: Backend, faulty: Backend) -> None:
        path = "/game/data?days=90"
        # In turns: what else the machine does then hits both.
        pairs = [
            (seconds(lambda: healthy.api.get(path)), seconds(lambda: faulty.api.get(path))) for _ in range(25)
        ]
        usual, slowed = (median(times) for times in zip(*pairs, strict=True))
        assert 2.8 < slowed / usual < 5.2  # 4 is asked for

    def test_by_a_fixed_time(self, faulty: Backend) -> None:
        assert 0.4 < seconds(lambda: faulty.api.get("/news/")) < 0.6

    def test_without_slowing_the_other_endpoints(self, faulty: Backend) -> None:
        slow = threading.Thread(target=httpx.get, args=(faulty.api.base_url.join("news/"),))
        slow.start()
        time.sleep(0.1)  # it is being held now
        assert median(seconds(lambda: faulty.api.get("/health/")) for _ in range(5)) < 0.1
        assert slow.is_alive()
        slow.join(STOP_TIMEOUT_S)


class TestTail:
    def test_every_fourth_request_and_no_other(self, faulty: Backend) -> None:
        times = [seconds(lambda: faulty.api.get("/recommendations/?days=7")) for _ in range(8)]
        assert [took > 0.3 for took in times] == [False, False, False, True] * 2


class TestFail:
    def test_every_second_request_without_touching_the_data(self, faulty: Backend) -> None:
        code = faulty.room()
        answers = [faulty.join(code, name) for name in ("p1", "p2", "p3", "p4")]
        assert sorted(answer.status_code for answer in answers) == [200, 200, 500, 500]
        failed = next(answer for answer in answers if answer.status_code == 500)
        assert failed.json() == {"detail": "Injected failure of join_room"}
        assert faulty.api.get(f"/multiplayer/rooms/{code}/state").json()["total_players"] == 2


class TestWhatAFaultDoesNotChange:
    def test_the_revision_and_the_data_volume(self, healthy: Backend, faulty: Backend) -> None:
        assert healthy.root.get("/version").json() == faulty.root.get("/version").json()


class TestStallAndDeath:
    def test_all_answers_wait_for_the_stall_to_end_and_then_it_dies(self, tmp_path: Path) -> None:
        longest_s = 0.0
        with running(tmp_path, "--faults", "stall=1s:400ms,die=2200ms") as backend:
            with pytest.raises(httpx.HTTPError):
                while True:
                    longest_s = max(longest_s, seconds(lambda: backend.api.get("/health/")))
                    time.sleep(0.01)
            assert backend.process.wait(STOP_TIMEOUT_S) == 1
        assert 0.3 < longest_s < 0.8
