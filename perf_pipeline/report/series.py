"""What a report says of the series that its run belongs to: which runs were judged, and what happens next."""

from __future__ import annotations

from perf_pipeline.core.model import FollowUp, Outcome, RunRecord
from perf_pipeline.core.wording import count

ID = 8  # characters of a run id that people type

_NEXT = {
    FollowUp.CALLER: "the command line goes on with the next run at once",
    FollowUp.SENSOR: "the confirmation sensor starts the next run, where Dagster's daemon is up",
    FollowUp.NOBODY: "nobody starts it",
}


def series_lines(record: RunRecord) -> tuple[str, ...]:
    """One sentence each; empty for a run that stands alone and asks for no other."""
    return tuple(line for line in (_judged(record), *_left_out(record), _next(record)) if line)


def _judged(record: RunRecord) -> str:
    series = record.comparison.series
    if series is None:
        return ""
    listed = ", ".join(run_id[:ID] for run_id in series.run_ids)
    return f"judged over {count(len(series.run_ids), 'run')} of this revision: {listed}"


def _left_out(record: RunRecord) -> tuple[str, ...]:
    return tuple(record.comparison.series.left_out) if record.comparison.series else ()


def _next(record: RunRecord) -> str:
    more = record.comparison.judgement.more
    if record.asks:
        return (
            f"not final ({record.asks}): {_NEXT[record.stack.request.follow_up]}; both are judged together, "
            "and until then neither enters the baseline or opens the release gate"
        )
    if more and record.outcome is Outcome.PASSED:
        return f"one more run of this revision would help ({more}), and confirmation is switched off"
    return ""
