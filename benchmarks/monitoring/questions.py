"""The handbook's queries, as written, and what each must answer in each situation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.monitoring.worlds import Pair

ENDPOINTS = (
    "join_room", "get_state", "leaderboard", "get_news", "get_recommendations", "get_game_data",
    "update_player",
)  # fmt: skip
SLOS = (
    "slo:join_room:p95_under_300ms", "slo:get_state:p95_under_200ms", "slo:leaderboard:p95_under_400ms",
    "slo:get_news:p95_under_300ms", "slo:recommendations:p95_under_400ms", "slo:game_data:p95_under_500ms",
    "slo:update_player:p95_under_300ms",
)  # fmt: skip
ALL_P95 = " or ".join(f"{endpoint}_latency:p95" for endpoint in ENDPOINTS)


class Situation(StrEnum):
    GOOD = "all good"
    SLOW = "one endpoint slow (get_game_data +700 ms)"
    FAILING = "one endpoint fails every request (get_news)"
    DEAD = "backend dead for a minute and a half"
    TWO = "two runs at once, one of them slow"
    NONE = "no traffic"
    ENDED_3 = "good run ended 3 min ago"
    ENDED_10 = "good run ended 10 min ago"
    FAILED_3 = "failing run ended 3 min ago"
    FAILED_10 = "failing run ended 10 min ago"
    AGAIN = "a second good run, some minutes after the first"


S = Situation
RUNNING = (S.GOOD, S.SLOW, S.FAILING, S.DEAD, S.TWO, S.AGAIN)
OVER = (S.NONE, S.ENDED_3, S.ENDED_10, S.FAILED_3, S.FAILED_10)

Vector = Sequence[dict[str, Any]]
Expectation = tuple[str, Callable[[Vector, Pair, str], bool]]  # in words, and as a test of the answer


@dataclass(frozen=True)
class Question:
    title: str
    query: str
    expected: dict[Situation, Expectation]


def judge(question: Question, situation: Situation, version: str, pair: Pair, query: str = "") -> Judged:
    """Ask, and hold against what is expected. ``query``: the question's with its places filled."""
    said = pair.ask(version, query or question.query)
    words, holds = question.expected[situation]
    return Judged(words, shown(said), holds(said, pair, version))


@dataclass(frozen=True)
class Judged:
    expected: str
    got: str
    right: bool


def shown(said: Vector) -> str:
    if not said:
        return "nothing"
    parts = []
    for series in said:
        labels = series["metric"]
        who = labels.get("endpoint") or labels.get("name") or ""
        parts.append(f"{who} {float(series['value'][1]):.4g}".strip())
    return "; ".join(sorted(parts)) if len(parts) <= 3 else f"{len(parts)}: " + "; ".join(sorted(parts))


# ---- expectations


def value(series: dict[str, Any]) -> float:
    return float(series["value"][1])


def nothing() -> Expectation:
    return "nothing", lambda said, *_: not said


def one(words: str, holds: Callable[[float], bool]) -> Expectation:
    return words, lambda said, *_: len(said) == 1 and holds(value(said[0]))


def exactly(wanted: float) -> Expectation:
    return one(f"{wanted:g}", lambda got: got == wanted)


def endpoints(*wanted: str) -> Expectation:
    words = f"all {len(wanted)}" if len(wanted) == len(ENDPOINTS) else ", ".join(wanted)
    return words, lambda said, *_: sorted(series["metric"]["endpoint"] for series in said) == sorted(wanted)


def slowest(*, but: Sequence[str] = ()) -> Expectation:
    """The one that k6's own histograms of the last minute say is slowest; two within 10 % are the same."""

    def holds(said: Vector, pair: Pair, version: str) -> bool:
        latencies = '{__name__=~"k6_.*_latency_seconds",phase="measure"}'
        raw = pair.ask(
            version,
            "max by (endpoint) (histogram_quantile(0.95, "
            f"sum by (endpoint, testid) (rate({latencies}[1m]))))",
        )
        truth = {series["metric"]["endpoint"]: value(series) for series in raw if value(series) > 0}
        if len(said) != 1 or said[0]["metric"]["endpoint"] in but:
            return False
        return truth[said[0]["metric"]["endpoint"]] >= 0.9 * max(truth.values())

    return "the truly slowest", holds


def named(endpoint: str) -> Expectation:
    return endpoint, lambda said, *_: [series["metric"]["endpoint"] for series in said] == [endpoint]


def over(expectation: Expectation) -> dict[Situation, Expectation]:
    return dict.fromkeys(OVER, expectation)


def slo_chain() -> Expectation:
    # They have the same (no) labels, so that `or` keeps one: enough for "is any broken", not for "which".
    return (
        "one 0 (`or` of equal labels keeps one)",
        lambda said, *_: [value(series) for series in said] == [0.0],
    )


def http_share() -> dict[Situation, Expectation]:
    seventh = one("about 1/7", lambda got: 0.12 < got < 0.17)
    return over(nothing()) | {
        S.GOOD: nothing(), S.SLOW: nothing(), S.FAILING: seventh, S.TWO: nothing(), S.AGAIN: nothing(),
        S.DEAD: ("nothing: it cannot see status 0", nothing()[1]),
        S.FAILED_3: one("about 1/7: within its 5 minutes", lambda got: 0.12 < got < 0.17),
    }  # fmt: skip


LATENCY = one("one, 0-300 ms", lambda got: 0 < got < 300)
QUESTIONS = [
    Question(
        "A latency",
        "join_room_latency:p95",
        over(nothing()) | dict.fromkeys(RUNNING, LATENCY) | {S.DEAD: nothing()},
    ),
    Question(
        "The same an hour before (minutes here)",
        "join_room_latency:p95 / join_room_latency:p95 offset {AGO}",
        {S.AGAIN: one("one: both runs' labels are equal", lambda got: 0.05 < got < 20)},
    ),
    Question(
        "The slowest endpoint",
        f"topk(1, max by (endpoint) ({ALL_P95}))",
        over(nothing())
        | {
            S.GOOD: slowest(),
            S.AGAIN: slowest(),
            S.SLOW: named("get_game_data"),
            S.TWO: named("get_game_data"),
            S.FAILING: slowest(but=("get_news",)),
            S.DEAD: nothing(),
        },
    ),
    Question(
        "Is an SLO broken?",
        f"sum({' + '.join(SLOS)}) < 7",
        over(nothing())
        | {
            S.GOOD: nothing(),
            S.AGAIN: nothing(),
            S.SLOW: exactly(6),
            S.FAILING: exactly(6),
            S.DEAD: exactly(0),
            S.TWO: exactly(6),
        },
    ),
    Question(
        "The chain of SLOs",
        " or ".join(f"{slo} == 0" for slo in SLOS),
        over(nothing())
        | dict.fromkeys((S.SLOW, S.FAILING, S.DEAD, S.TWO), slo_chain())
        | {S.GOOD: nothing(), S.AGAIN: nothing()},
    ),
    Question(
        "Which SLOs are broken (EndpointSLOViolation)",
        "slo:met == 0",
        over(nothing())
        | {
            S.GOOD: nothing(),
            S.AGAIN: nothing(),
            S.SLOW: endpoints("get_game_data"),
            S.TWO: endpoints("get_game_data"),
            S.FAILING: endpoints("get_news"),
            S.DEAD: endpoints(*ENDPOINTS),
        },
    ),
    Question(
        "Share of 4xx and 5xx",
        'sum(rate(http_reqs{status=~"[45].."}[5m])) / sum(rate(http_reqs[5m])) > 0.05',
        http_share(),
    ),
    Question(
        "Share of all errors (HighErrorRate)",
        "max(sum by (testid) (perf_live:errors) / sum by (testid) (perf_live:requests)) > 0.05",
        over(nothing())
        | {
            S.GOOD: nothing(),
            S.AGAIN: nothing(),
            S.SLOW: nothing(),
            S.TWO: nothing(),
            S.FAILING: one("about 1/7", lambda got: 0.12 < got < 0.17),
            S.DEAD: one("about 1", lambda got: got > 0.98),
        },
    ),
    Question(
        "p95 of all answers, by k6's name",
        "histogram_quantile(0.95, sum by (name) (rate(http_req_duration[5m]))) > 0.65",
        over(nothing())
        | dict.fromkeys(RUNNING, nothing())
        | dict.fromkeys(
            (S.SLOW, S.TWO),
            (
                "get_game_data",
                lambda said, *_: [series["metric"]["name"] for series in said] == ["get_game_data"],
            ),
        ),
    ),
    Question(
        "Failed requests, by k6's name",
        "http_req_failed > 0",
        over(nothing())
        | dict.fromkeys(RUNNING, nothing())
        | {
            S.FAILING: exactly(1),
            S.DEAD: ("7 of value 1", lambda said, *_: [value(series) for series in said] == [1.0] * 7),
        },
    ),
]
