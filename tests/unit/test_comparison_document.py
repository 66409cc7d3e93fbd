"""``comparison.md``: what one run changed against its baseline, for people who read nothing else."""

from __future__ import annotations

import builders
import pytest
import report_examples as examples

from perf_pipeline.report.markdown import render_comparison
from perf_pipeline.report.view import build_view

REGRESSED = """\
# Before and after: multiplayer on local, profile standard

▲ **regressed**: get_game_data p50 +48 % (interval +41..+56 %) against 5 baseline runs

- what: multiplayer, profile standard
- where: local, http://127.0.0.1:8000
- when: 2026-11-20 12:00:00 UTC, 1 min 50 s measured
- revision: rev-2
- against: 5 baseline runs of revision rev-1
- launched by: tests
- run: 0f1e2d3c-0000-4000-8000-000000000001
- compared with: baseline-1, baseline-2, baseline-3, baseline-4, baseline-5

| endpoint | verdict | p50 before | p50 after | change | p95 before | p95 after | change |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| join_room | = unchanged | 100 ms | 100 ms | +0.0 % (-4.9..+5.1 %) | 100 ms | 100 ms | +0.0 % (-14..+16 %) |
| get_state | ▼ improved | 11.0 ms | 8.80 ms | -20 % (-24..-16 %) | 100 ms | 100 ms | +0.0 % (-14..+16 %) |
| leaderboard | = unchanged | 100 ms | 100 ms | +0.0 % (-4.9..+5.1 %) | 100 ms | 100 ms | +0.0 % (-14..+16 %) |
| get_news | ~ inconclusive | 6.00 ms | 6.36 ms | +6.0 % (-6.0..+20 %) | – | – | – |
| get_recommendations | = unchanged | 100 ms | 100 ms | +0.0 % (-4.9..+5.1 %) | 100 ms | 100 ms | +0.0 % (-14..+16 %) |
| get_game_data | ▲ regressed | 120 ms | 178 ms | +48 % (+41..+56 %) | 180 ms | 274 ms | +52 % (+24..+86 %) |
| update_player | = unchanged | 100 ms | 100 ms | +0.0 % (-4.9..+5.1 %) | 100 ms | 100 ms | +0.0 % (-14..+16 %) |

Unchanged means p50 within 10 %, p95 within 20 %.

- join_room: p50 +0.0 % (interval -4.9..+5.1 %)
- get_state: faster
- leaderboard: p50 +0.0 % (interval -4.9..+5.1 %)
- get_news: p50 +6.0 % (interval -6.0..+20 %); about 4 more baseline runs would settle it
- get_recommendations: p50 +0.0 % (interval -4.9..+5.1 %)
- get_game_data: slower: p50 +48 % (interval +41..+56 %)
- update_player: p50 +0.0 % (interval -4.9..+5.1 %)

nothing in common

Baseline: did not enter the baseline: get_game_data regressed
"""


def document(example: str) -> str:
    record, run = examples.EXAMPLES[example]()
    return render_comparison(
        build_view(record, suite=builders.suite(), samples=run, baseline=examples.BASELINE)
    )


class TestBeforeAndAfter:
    def test_shows_every_endpoint_with_both_figures_the_change_and_what_it_means(self) -> None:
        assert document("regressed") == REGRESSED

    def test_says_why_there_is_nothing_to_compare_with(self) -> None:
        said = document("without_baseline")
        assert "Not compared: no baseline yet (this run can become it)" in said
        assert "|" not in said

    def test_names_the_runs_that_were_judged_together(self) -> None:
        assert "- judged over 2 runs of this revision: 1a2b3c4d, 0f1e2d3c" in document("confirmed")

    @pytest.mark.parametrize("example", examples.EXAMPLES)
    def test_is_there_for_every_outcome(self, example: str) -> None:
        assert document(example).startswith("# Before and after: ")
