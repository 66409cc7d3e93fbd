"""Tables over several runs: ``runs``, ``compare``, ``baseline show``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from perf_pipeline.core.judgement import Effect, Judgement
from perf_pipeline.core.model import RunRecord
from perf_pipeline.report import formats as f
from perf_pipeline.report.facts import revision
from perf_pipeline.report.terminal_parts import aside, bullet, columns, headline, mark, print_parts, word
from perf_pipeline.report.words import BAD, NEUTRAL, NOT_COMPARED, OUTCOMES, VERDICTS, WARN, Badge
from perf_pipeline.store.values import StoredBaseline, StoredRun

RUNNING = Badge("running", "running", " ", "…", NEUTRAL)
WAITING = Badge("waiting", "waiting", " ", "…", NEUTRAL)
ID = 8  # characters of a run id that people type


def print_runs(runs: Sequence[StoredRun], *, console: Console | None = None) -> None:
    """One line per run, in the order given. ``*``: it counts in a baseline."""
    table = columns("", "run", "", "started (UTC)", "suite", "target", "profile", "revision", "outcome")
    for run in runs:
        badge = OUTCOMES[run.outcome] if run.outcome else WAITING if run.waits else RUNNING
        table.add_row(
            mark(badge),
            run.run_id[:ID],
            "*" if run.in_baseline else "",
            run.started_at.strftime("%Y-%m-%d %H:%M"),
            Text(run.suite),
            Text(run.target),
            Text(run.profile),
            Text(short(run.revision or "unknown")),
            word(badge),
        )
    parts: list[RenderableType] = [table]
    if any(run.in_baseline for run in runs):
        parts.append(Text("*  counts in the baseline"))
    print_parts(parts, console)


def print_baselines(baselines: Sequence[StoredBaseline], *, console: Console | None = None) -> None:
    """Each baseline with its runs and the decisions that made it."""
    print_parts((part for one in baselines for part in _baseline(one)), console)


def _baseline(one: StoredBaseline) -> Iterable[RenderableType]:
    place = one.fingerprint
    yield headline(
        f"{one.mode} baseline of {place.suite} on {place.target}, profile {place.profile}",
        "in use" if one.in_use else "not in use: a pinned one comes first",
    )
    yield from aside(
        [f"fingerprint {one.fingerprint_key}: k6 {place.k6_major}, {place.stack}, {place.host_class}"]
    )
    counting = [member for member in one.members if member.removed_at is None]
    runs = columns("", "run", "started (UTC)", "revision", "outcome", "accepted by", "why")
    for member in counting:
        badge = OUTCOMES[member.outcome] if member.outcome else RUNNING
        runs.add_row(
            "",
            member.run_id[:ID],
            member.started_at.strftime("%Y-%m-%d %H:%M"),
            Text(short(member.revision or "unknown")),
            word(badge),
            Text(member.accepted_by),
            Text(member.reason),
        )
    yield runs if counting else Text("   no run counts in it")
    if one.promotions:
        yield Text("Decisions, newest first", "bold")
        decisions = columns("", "when (UTC)", "who", "what", ">runs", "why")
        for choice in one.promotions:
            decisions.add_row(
                "",
                choice.at.strftime("%Y-%m-%d %H:%M"),
                Text(choice.who),
                choice.action,
                str(len(choice.run_ids)),
                Text(choice.reason),
            )
        yield decisions
    yield Text()


def print_compare(
    first: RunRecord,
    second: RunRecord,
    judgement: Judgement,
    *,
    console: Console | None = None,
) -> None:
    """``second`` against ``first``; both were made the same way, and their samples are there."""
    print_parts(_compare(first, second, judgement), console)


def _compare(first: RunRecord, second: RunRecord, judgement: Judgement) -> Iterable[RenderableType]:
    for label, record in (("was", first), ("is", second)):
        badge = OUTCOMES[record.outcome]
        yield Text.assemble(
            (f"{label:4}", "bold"),
            f"{record.stack.run_id[:ID]}  {f.when(record.load.started_at)}, revision {revision(record)}, ",
            word(badge),
        )
    yield Text()
    table = columns(
        "",
        "endpoint",
        ">p50 was",
        ">is",
        ">change",
        ">p95 was",
        ">is",
        ">change",
        ">errors was",
        ">is",
        "verdict",
    )
    old = {slo.endpoint: slo for slo in first.slo.endpoints}
    for new in second.slo.endpoints:
        was = old.get(new.endpoint)
        verdict = judgement.endpoints.get(new.endpoint)
        badge = VERDICTS[verdict.verdict] if verdict else NOT_COMPARED
        table.add_row(
            mark(badge),
            Text(new.endpoint),
            f.ms(was.p50_ms if was else None),
            f.ms(new.p50_ms),
            _change(verdict.p50 if verdict else None),
            f.ms(was.p95_ms if was else None),
            f.ms(new.p95_ms),
            _change(verdict.p95 if verdict else None),
            f.percent(was.error_ratio if was else None),
            f.percent(new.error_ratio),
            word(badge),
        )
    yield table
    yield from aside([judgement.common.sentence if judgement.common else ""])
    for verdict in judgement.endpoints.values():
        badge = VERDICTS[verdict.verdict]
        if badge.tone in (BAD, WARN) and verdict.sentence:
            yield bullet(badge.mark, badge.tone, f"{verdict.endpoint}: {verdict.sentence}")


def _change(effect: Effect | None) -> str:
    return f.change(effect.ratio) if effect else f.NONE


def short(revision_text: str, most: int = 14) -> str:
    """As a table shows a revision: a git SHA is as good in twelve characters."""
    return revision_text if len(revision_text) <= most else revision_text[: most - 2] + ".."
