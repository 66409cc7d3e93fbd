"""When a deploy counts, on a simulated clock: one look after the other at a target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.core.deploys import (
    Deployed,
    Event,
    Failing,
    Observation,
    Recovered,
    Started,
    Vanished,
    Watch,
    deploy_words,
    failed,
    may_have_measured,
    observe,
    said_of,
)
from perf_pipeline.core.model import Deploy

BEGIN = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
EVERY_S = 30
SETTLE_S = 60.0
Seen = tuple[datetime, Event]


def moment(look: int) -> datetime:
    return BEGIN + timedelta(seconds=EVERY_S * look)


def shows(*revisions: str) -> Observation:
    return Observation(frozenset(revisions))


def looks(drawn: str | Sequence[Observation], *, settle_s: float = SETTLE_S) -> tuple[Watch, list[Seen]]:
    """``drawn``: one word per look, such as ``a a b a+b ! b``; ``!`` is a look that failed."""
    observations = (
        [failed("gone") if word == "!" else shows(*word.split("+")) for word in drawn.split()]
        if isinstance(drawn, str)
        else drawn
    )
    watch, told = Watch(), []
    for number, observation in enumerate(observations):
        watch, events = observe(watch, observation, moment(number), settle_s)
        told += [(moment(number), event) for event in events]
    return watch, told


def deployed(drawn: str, **more: float) -> list[str]:
    """The revisions whose deploys counted."""
    return [event.revision for _, event in looks(drawn, **more)[1] if isinstance(event, Deployed)]


def vanished(drawn: str) -> list[str]:
    return [event.revision for _, event in looks(drawn)[1] if isinstance(event, Vanished)]


class TestTheFirstLook:
    def test_is_where_the_target_starts_from_and_no_deploy(self) -> None:
        assert looks("a a a a a") == (Watch(known="a"), [(BEGIN, Started("a"))])

    def test_waits_for_the_end_of_a_roll_out_that_is_under_way(self) -> None:
        watch, told = looks("a+b a+b b b b b")
        assert [event for _, event in told] == [Started("b")]
        assert watch.known == "b"


class TestANewRevision:
    def test_counts_once_when_it_has_been_the_only_one_for_the_settle_time(self) -> None:
        _, told = looks("a a b b b b b b")
        assert told[1:] == [(moment(4), Deployed("b", seen_at=moment(2)))]

    def test_is_seen_twice_however_short_the_settle_time_is(self) -> None:
        assert deployed("a b", settle_s=0) == []
        assert deployed("a b b", settle_s=0) == ["b"]

    def test_settles_anew_after_every_mixture_but_was_seen_when_the_roll_out_began(self) -> None:
        _, told = looks("a a+b b b a+b b b b")
        assert told[1:] == [(moment(7), Deployed("b", seen_at=moment(1)))]

    def test_never_counts_while_a_mixture_is_visible(self) -> None:
        assert deployed("a a+b a+b a+b a+b a+b a+b") == []

    def test_keeps_what_it_has_settled_through_a_failure(self) -> None:
        assert deployed("a b ! b") == ["b"]
        assert deployed("a b ! !") == []

    def test_that_gives_way_to_another_one_is_told_and_the_other_settles_anew(self) -> None:
        _, told = looks("a b b c c c")
        assert told[1:] == [
            (moment(3), Vanished("b", seen_at=moment(1))),
            (moment(5), Deployed("c", seen_at=moment(3))),
        ]

    def test_that_was_never_alone_leaves_no_trace(self) -> None:
        assert vanished("a a+b a+b a a") == []
        assert looks("a a+b a+b a a")[0] == Watch(known="a")


class TestGoingBack:
    def test_is_a_deploy_of_its_own_each_time(self) -> None:
        assert deployed("0 0 a a a b b b a a a") == ["a", "b", "a"]

    def test_before_the_other_one_settled_is_none(self) -> None:
        assert deployed("a b b a a a a a") == []
        assert vanished("a b b a a a a a") == ["b"]


class TestFlapping:
    def test_ten_times_in_a_minute_gives_at_most_two_deploys(self) -> None:
        """A look every 30 s meets some of the flaps; when they are over, the newest counts."""
        for met in ("b b", "b c", "c b", "b+c b", "a b", "b a"):
            for last in "bc":
                for settle_s in (1.0, 30.0, 60.0):
                    found = deployed(f"a {met} {' '.join(last * 4)}", settle_s=settle_s)
                    assert len(found) <= 2
                    assert found[-1] == last

    def test_that_goes_on_for_ever_gives_none_and_tells_of_each(self) -> None:
        assert deployed("a " + "b c " * 50) == []
        assert len(vanished("a " + "b c " * 50)) == 99


class TestASourceThatFails:
    def test_for_an_hour_gives_no_deploy_and_one_warning(self) -> None:
        watch, told = looks("a " + "! " * 120)
        assert [event for _, event in told] == [
            Started("a"),
            Failing("gone", since=moment(1), failures=31),
        ]
        assert told[1][0] - moment(1) == timedelta(minutes=15)
        assert (watch.known, watch.failures) == ("a", 120)

    def test_is_told_when_it_answers_again_and_may_warn_anew(self) -> None:
        told = [event for _, event in looks("a " + "! " * 40 + "a " + "! " * 40)[1]]
        assert [type(event) for event in told] == [Started, Failing, Recovered, Failing]
        assert told[2] == Recovered(since=moment(1), failures=40)

    def test_now_and_then_is_not_worth_a_warning(self) -> None:
        assert [type(event) for _, event in looks("a ! ! ! " * 40)[1]] == [Started]

    def test_does_not_hide_a_deploy_that_came_meanwhile(self) -> None:
        assert deployed("a " + "! " * 40 + "b b b") == ["b"]

    def test_from_the_very_first_look_warns_too(self) -> None:
        assert [type(event) for _, event in looks("! " * 40)[1]] == [Failing]


ONE_LOOK = st.one_of(
    st.sets(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda seen: shows(*seen)),
    st.just(failed("gone")),
)
WORLD = st.lists(st.tuples(ONE_LOOK, st.sampled_from([1, 1, 1, 2, 3, 40])), max_size=25).map(
    lambda stretches: [look for look, times in stretches for _ in range(times)]
)


class TestWhateverIsSeen:
    @given(WORLD, st.sampled_from([0.0, 30.0, 60.0, 90.0]))
    def test_a_deploy_is_of_a_revision_seen_alone_last_and_before_for_the_settle_time(
        self, world: list[Observation], settle_s: float
    ) -> None:
        _, told = looks(world, settle_s=settle_s)
        known = None
        for at, event in told:
            if isinstance(event, Started):
                known = event.revision
            if not isinstance(event, Deployed):
                continue
            number = round((at - BEGIN).total_seconds() / EVERY_S)
            answered = [one.revisions for one in world[: number + 1] if not one.failure]
            assert answered[-2:] == [{event.revision}] * 2
            assert event.revision != known
            assert at - event.seen_at >= timedelta(seconds=settle_s)
            known = event.revision

    @given(WORLD)
    def test_what_is_remembered_reads_back_from_json(self, world: list[Observation]) -> None:
        watch, _ = looks(world)
        assert Watch.model_validate(watch.model_dump(mode="json")) == watch

    @given(WORLD)
    def test_of_the_warnings_and_recoveries_none_comes_twice_in_a_row(self, world: list[Observation]) -> None:
        told = [type(event) for _, event in looks(world)[1] if isinstance(event, Failing | Recovered)]
        assert told == [Failing, Recovered] * (len(told) // 2) + [Failing] * (len(told) % 2)


class TestTheWords:
    @pytest.mark.parametrize(
        ("drawn", "said"),
        [
            ("a a", "runs a, as before"),
            ("a a+b", "several revisions at once: a, b"),
            ("a b b", "b is new and settles until 10:01:30 UTC (2 looks)"),
            ("a ! !", "not known what it runs: gone (2 times in a row)"),
        ],
    )
    def test_say_what_one_look_found(self, drawn: str, said: str) -> None:
        last = drawn.rsplit(maxsplit=1)[-1]
        observation = failed("gone") if last == "!" else shows(*last.split("+"))
        assert said_of(looks(drawn)[0], observation, SETTLE_S) == said

    def test_name_a_deploy_with_and_without_the_one_before(self) -> None:
        assert deploy_words(7, "1.5.0", "1.4.0", "version") == "deploy 7 (version endpoint): 1.4.0 -> 1.5.0"
        assert deploy_words(1, "1.5.0", None, "marker") == "deploy 1 (marker): 1.5.0"


def deploy(number: int, revision: str) -> Deploy:
    return Deploy(
        number=number, revision=revision, previous_revision=None, source="marker", seen_at=moment(number)
    )


class TestTheRunsThatMayHaveMeasuredADeploy:
    def test_are_those_of_its_revision_since_another_one_was_deployed(self) -> None:
        there_and_back = [deploy(number, revision) for number, revision in enumerate("abaca")]
        found = may_have_measured(there_and_back[2], there_and_back)
        assert (found.revision, found.since) == ("a", moment(1))

    def test_of_a_repeat_are_those_since_the_deploy_that_it_repeats_and_before(self) -> None:
        known = [deploy(number, revision) for number, revision in enumerate("abb")]
        assert may_have_measured(known[2], known).since == moment(0)

    def test_of_the_first_one_are_all_of_its_revision(self) -> None:
        assert may_have_measured(deploy(0, "a"), [deploy(0, "a"), deploy(1, "b")]).since is None


class TestWhatIsRememberedOfATarget:
    def test_is_forgotten_when_it_is_looked_at_in_another_place(self) -> None:
        watch = Watch(place="version:1", known="a")
        assert watch.at_place("version:1") == watch
        assert watch.at_place("github:2") == Watch(place="github:2")

    def test_keeps_its_place_when_a_deploy_counts(self) -> None:
        watch = Watch(place="version:1")
        for number, revision in enumerate("abbb"):
            watch, _ = observe(watch, shows(revision), moment(number), SETTLE_S)
        assert (watch.known, watch.place) == ("b", "version:1")
