"""The words in which the reference backend is told what is wrong with it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from perf_pipeline.demo.endpoints import MEASURED_NAMES, name_of
from perf_pipeline.demo.faults import Delay, Faults, Stall, Tail, is_chosen, parse_faults


class TestWhatCanBeAsked:
    def test_nothing_means_a_healthy_service(self) -> None:
        assert parse_faults("") == parse_faults(" , ") == Faults()

    def test_all_kinds_at_once(self) -> None:
        asked = (
            "slow=get_game_data:50%, tail=get_news:8%:200ms, fail=join_room:100%, stall=10s:2s, die=1500ms"
        )
        assert parse_faults(asked) == Faults(
            slow={"get_game_data": Delay(ratio=0.5)},
            tail={"get_news": Tail(0.08, Delay(fixed_s=0.2))},
            fail={"join_room": 1.0},
            stall=Stall(every_s=10, for_s=2),
            die_after_s=1.5,
        )

    def test_a_star_means_every_measured_endpoint_without_a_fault_of_its_own(self) -> None:
        slow = parse_faults("slow=*:10%,slow=get_news:20ms").slow
        assert slow == dict.fromkeys(MEASURED_NAMES, Delay(ratio=0.1)) | {"get_news": Delay(fixed_s=0.02)}


class TestWhatIsRefusedInOneSentence:
    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("slwo=get_news:50%", "did you mean 'slow'?"),
            ("slow=get_gamedata:50%", "did you mean 'get_game_data'?"),
            ("slow=get_news:50", "has '50' where a number with its unit (%, ms or s) belongs"),
            ("slow=get_news", "has the wrong number of parts"),
            ("slow=get_news:5%,slow=get_news:6%", "is the second of its kind for 'get_news'"),
            ("tail=get_news:8%", "has the wrong number of parts"),
            ("tail=get_news:20ms:8%", "has '20ms' where a share of the requests belongs"),
            ("fail=join_room:101%", "has '101%' where a share of the requests belongs"),
            ("fail=join_room:0%", "has '0%' where a share of the requests belongs"),
            ("stall=10s:10s", "would stall without a pause"),
            ("stall=10s:50%", "has '50%' where a time above 0 belongs"),
            ("stall=9s:1s,stall=10s:1s", "is the second stall"),
            ("die=0s", "has '0s' where a time above 0 belongs"),
            ("die=-1s", "has '-1s' where a number with its unit"),
            ("die=1s,die=2s", "is the second death"),
        ],
    )
    def test_with_what_is_wrong_and_a_right_example(self, asked: str, said: str) -> None:
        with pytest.raises(ValueError) as refusal:
            parse_faults(asked)
        sentence = str(refusal.value)
        assert said in sentence
        assert asked.rsplit(",", maxsplit=1)[-1] in sentence  # where
        example = sentence.rpartition("for example ")[2].rstrip(".").split(" or ")[0]
        assert parse_faults(example) != Faults()


class TestWhichRequestsAreChosen:
    @pytest.mark.parametrize("share", [0.01, 0.08, 0.33, 0.5, 1.0])
    def test_the_exact_share_is_spread_evenly(self, share: float) -> None:
        chosen = [count for count in range(1, 1001) if is_chosen(count, share)]
        assert len(chosen) == round(1000 * share)
        gaps = {after - before for before, after in pairwise(chosen)}
        assert max(gaps) - min(gaps) <= 1

    def test_no_share_chooses_nothing(self) -> None:
        assert not any(is_chosen(count, 0.0) for count in range(1, 100))


class TestWhenTheServiceStalls:
    @pytest.mark.parametrize(
        ("uptime_s", "left_s"), [(0, 0), (1, 0), (9.9, 0), (10, 2), (11.5, 0.5), (12, 0), (20, 2), (25, 0)]
    )
    def test_it_holds_answers_from_each_full_period_on(self, uptime_s: float, left_s: float) -> None:
        assert Stall(every_s=10, for_s=2).left(uptime_s) == left_s


class TestWhichRequestIsWhich:
    @pytest.mark.parametrize(
        ("request_line", "name"),
        [
            ("POST /api/v1/multiplayer/rooms", "create_room"),
            ("POST /api/v1/multiplayer/rooms/join", "join_room"),
            ("GET /api/v1/multiplayer/rooms/ABC123/state", "get_state"),
            ("GET /api/v1/multiplayer/rooms/ABC123/leaderboard", "leaderboard"),
            ("GET /api/v1/news/", "get_news"),
            ("GET /api/v1/news", None),  # a redirect is not the endpoint
            ("POST /api/v1/news/", None),
            ("GET /api/v1/recommendations/", "get_recommendations"),
            ("GET /api/v1/game/data", "get_game_data"),
            ("PUT /api/v1/multiplayer/players/some-id", "update_player"),
            ("GET /api/v1/health/", "health"),
            ("GET /metrics", None),
        ],
    )
    def test_by_method_and_path(self, request_line: str, name: str | None) -> None:
        assert name_of(*request_line.split()) == name
