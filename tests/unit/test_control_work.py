"""The control's work is the same every time, so that only the machine can make it slower."""

from __future__ import annotations

from perf_pipeline.control.work import work
from perf_pipeline.conventions import CONTROL_ANSWER


def test_the_work_gives_the_answer_that_k6_looks_for() -> None:
    assert [work() for _ in range(3)] == [CONTROL_ANSWER] * 3
