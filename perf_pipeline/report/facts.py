"""The facts beside the tables: what was run, how well it was measured, where, and what to do next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from perf_pipeline import conventions as names
from perf_pipeline.core.deploys import deploy_words
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import CpuUse, Outcome, RunRecord
from perf_pipeline.core.wording import count, listing
from perf_pipeline.report import formats as f

EXTERNAL_STACK = "external"  # the kind of a stack that somebody else runs


@dataclass(frozen=True)
class Fact:
    label: str
    value: str


@dataclass(frozen=True)
class Hint:
    """What to do next: one sentence, and the command for it ("" when there is none)."""

    sentence: str
    command: str = ""


@dataclass(frozen=True)
class File:
    """A file of the run's folder; the name is relative to it, and to the HTML report."""

    name: str
    what: str


def head_facts(record: RunRecord) -> tuple[Fact, ...]:
    """What stands above the tables: what was run, where, when, against what."""
    load, request = record.load, record.stack.request
    planned = f.duration(load.planned_duration_s)
    facts = [
        Fact("what", f"{request.suite}, profile {request.profile}"),
        Fact("where", f"{request.target}, {record.stack.base_url}"),
        Fact("when", f"{f.when(load.started_at)}, {planned} measured"),
        Fact("revision", revision(record)),
        *([Fact("deploy", deploy)] if (deploy := deploy_line(record)) else []),
        Fact("against", baseline_line(record) or "no baseline"),
        Fact("launched by", request.launched_by),
        Fact("run", record.stack.run_id),
    ]
    return tuple([*facts, Fact("note", request.note)] if request.note else facts)


def revision(record: RunRecord) -> str:
    """What the target said it runs; both where it changed during the load."""
    load = record.load
    before, after = load.revision_before or record.stack.revision, load.revision_after
    if before and after and before != after:
        return f"{before}, then {after}"
    return before or after or record.stack.request.told_revision or "unknown"


def deploy_line(record: RunRecord) -> str:
    """``deploy 7 (version endpoint): 1.4.0 -> 1.5.0, seen 10:12 UTC``; "" when it followed none."""
    one = record.stack.request.deploy
    if one is None:
        return ""
    said = deploy_words(one.number, one.revision, one.previous_revision, one.source)
    same_day = one.seen_at.date() == record.load.started_at.date()
    return f"{said}, seen {one.seen_at:{'%H:%M' if same_day else '%Y-%m-%d %H:%M'}} UTC"


def baseline_line(record: RunRecord) -> str:
    """What it was compared with, such as ``5 baseline runs of revision rev-1``; "" when with nothing."""
    runs = record.comparison.baseline
    if not record.comparison.compared or runs is None:
        return ""
    pinned = "pinned " if runs.mode == "pinned" else ""
    text = count(len(runs.compared_run_ids), f"{pinned}baseline run")
    revisions = runs.compared_revisions
    word = "revision" if len(revisions) == 1 else "revisions"
    return f"{text} of {word} {listing(revisions, limit=4)}" if revisions else text


def quality_facts(record: RunRecord) -> tuple[Fact, ...]:
    """How well it was measured."""
    load, stack, snapshot = record.load, record.stack, record.snapshot
    counts = load.counts.values()
    sent = sum(one.sent for one in counts)
    plans = [one.planned for one in counts]
    planned = None if None in plans else sum(plan or 0 for plan in plans)
    recorded = [one.sent for one in snapshot.figures.values() if one.sent is not None]
    dropped = f"{f.count(load.dropped_iterations)} dropped"
    if load.dropped_iterations:
        held = f.count(load.dropped_while_target_held_users)
        dropped += f" ({held} of them while the target kept every user waiting)"
    return (
        Fact(
            "requests",
            f"{'no plan (fixed users)' if planned is None else f.count(planned) + ' planned'}, "
            f"{f.count(sent)} sent, {f.count(sum(recorded)) if recorded else 'none'} recorded by Prometheus",
        ),
        Fact("failed requests", f.count(sum(one.failed for one in counts))),
        Fact(
            "iterations",
            ("" if load.planned_iterations is None else f"{f.count(load.planned_iterations)} planned, ")
            + f"{f.count(load.completed_iterations)} completed, {dropped}",
        ),
        Fact("generator CPU", _cpu(load.cpu)),
        Fact("clock of Prometheus", _skew(stack.clock_skew_s)),
        Fact("clock of the target", _skew(stack.target_clock_skew_s)),
        Fact("revision throughout", _throughout(record)),
        Fact(
            "Prometheus' record",
            "complete"
            if snapshot.complete
            else (snapshot.problem.sentence if snapshot.problem else "incomplete"),
        ),
        Fact("remote-write errors", f.count(load.remote_write_errors)),
        Fact("end of k6", f"{load.exit_meaning} (exit code {load.exit_code})"),
        Fact("k6's log", "cut short" if load.log_truncated else "whole"),
    )


def _throughout(record: RunRecord) -> str:
    before, after = record.load.revision_before, record.load.revision_after
    if before is None and after is None:
        return "the target does not say"
    if before == after:
        return f"yes, {before} before and after"
    return f"no: {before or 'unknown'} before, {after or 'unknown'} after"


def _cpu(cpu: CpuUse | None) -> str:
    if cpu is None:
        return "not measured"
    target = "" if cpu.target_mean_ratio is None else f", target {f.percent(cpu.target_mean_ratio)}"
    return (
        f"{f.percent(cpu.host_mean_ratio)} of the machine on average, {f.percent(cpu.host_max_ratio)} at most"
        f"; k6 {f.percent(cpu.k6_mean_ratio)}{target}"
    )


def _skew(seconds: float | None) -> str:
    if seconds is None:
        return "could not be read"
    return "agrees with ours" if abs(seconds) < 0.05 else f"{seconds:+.1f} s from ours"


def condition_facts(record: RunRecord) -> tuple[Fact, ...]:
    """With what, and on which machine."""
    stack, load = record.stack, record.load
    return (
        Fact("load generator", f"k6 {load.k6_version}, at most {count(load.max_users, 'user')} at once"),
        Fact("Prometheus", f"{stack.prometheus_version}, {stack.prometheus_url}"),
        Fact("stack", stack.stack),
        Fact("machine of the generator", stack.host_class),
        Fact("data of the target", stack.data_volume),
        Fact(
            "time beside the load",
            f"stack up {f.duration(stack.setup_s)}, reading samples {f.duration(load.reading_s)}, "
            f"Prometheus {f.duration(record.snapshot.query_s)}, "
            f"comparison {f.duration(record.comparison.judged_s)}",
        ),
    )


def repeat_command(record: RunRecord) -> str:
    """What starts the same run again."""
    request = record.stack.request
    words = ["perf-pipeline", "run", request.suite, "--target", request.target, "--profile", request.profile]
    if request.revision:
        words += ["--revision", request.revision]
    if record.stack.stack == EXTERNAL_STACK:
        words += ["--prometheus", record.stack.prometheus_url]
    return shlex.join(words)


def hints(record: RunRecord) -> tuple[Hint, ...]:
    """Next steps that fit the outcome; none that the reader could not follow."""
    run = record.stack.run_id[:8]
    verdicts = [verdict.verdict for verdict in record.comparison.judgement.endpoints.values()]
    found: list[Hint] = []
    if record.outcome == Outcome.REGRESSED:
        found.append(Hint("Was it chance? Run it again:", repeat_command(record)))
        found.append(
            Hint(
                "Is the slowdown wanted? Start the baseline anew from this run:",
                f"perf-pipeline baseline accept {run} --reset --reason 'why it is wanted'",
            )
        )
    elif record.outcome == Outcome.SLO_BREACHED:
        found.append(Hint("Once the cause is gone:", repeat_command(record)))
    elif record.outcome == Outcome.INVALID:
        found.append(
            Hint(
                "Nothing was judged and no baseline changed. Once the cause is gone:", repeat_command(record)
            )
        )
    elif record.outcome == Outcome.PASSED and not record.comparison.compared:
        found.append(Hint("Run it again to compare with this run:", repeat_command(record)))
    elif Verdict.INCONCLUSIVE in verdicts and not record.asks:
        found.append(Hint("Inconclusive is not unchanged; one more run may tell:", repeat_command(record)))
    return tuple(found)


def run_files(record: RunRecord) -> tuple[File, ...]:
    files = [
        File(names.REPORT_HTML, "this report"),
        File(names.REPORT_MARKDOWN, "its tables, for chat and tickets"),
        File(names.REPORT_COMPARISON, "before and after, endpoint by endpoint"),
        File(names.REPORT_JSON, "everything known of the run, for programs"),
        File(names.REPORT_JUNIT, "one test case per promise, for CI systems"),
        File(names.SAMPLES, "every measured request (Parquet)"),
        File(names.RAW_SAMPLES, "every sample as k6 wrote it"),
        File(names.K6_LOG, "what k6 said"),
    ]
    if record.snapshot.series_file:
        files.append(File(record.snapshot.series_file.rpartition("/")[2], "Prometheus' series of the run"))
    return tuple(files)


def control_line(record: RunRecord) -> str:
    """How fast the control was beside the baseline's; empty when one side has none."""
    control = record.comparison.control
    if control is None:
        return ""
    figures = (
        ("p50", control.p50_ms, control.baseline_p50_ms),
        ("p95", control.p95_ms, control.baseline_p95_ms),
    )
    said = [f"{name} {f.with_unit(is_)} ({_from(is_, was)})" for name, is_, was in figures]
    return f"the control, which does the same work in every run: {', '.join(said)}"


def _from(is_ms: float, was_ms: float) -> str:
    return f"{f.change(is_ms / was_ms) if was_ms else f.NONE} from {f.with_unit(was_ms)}"
