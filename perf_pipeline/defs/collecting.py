"""The last thing that happens to a run's folder while its stack is still up: what only this moment can give.

For every end: finished, failed, cancelled. Whatever cannot be kept is noted and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from perf_pipeline import conventions as names
from perf_pipeline.core.model import LoadResult, StackState
from perf_pipeline.defs.event_log import keep_events
from perf_pipeline.defs.naming import FIRST_STEP, LOAD_STEP
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.running_stack import RunningStack
from perf_pipeline.defs.values import read_value
from perf_pipeline.files import write_whole
from perf_pipeline.keeping import Missing, NotKept, keep_suite, keep_versions
from perf_pipeline.monitoring.dashboards.baked import ShownRun, baked_dashboards
from perf_pipeline.report.facts import EXTERNAL_STACK
from perf_pipeline.suite import Suite

if TYPE_CHECKING:
    from perf_pipeline.defs.ledger import Ledger

NO_LOAD = "the run ended before its load"

Log = Callable[[str], object]


def keep_beginning(suite: Suite, run_folder: Path, *, log: Log) -> None:
    """Before the load: the suite as it will be run. Raises nothing."""
    with Missing(run_folder, log).noted(names.SUITE_COPY):
        keep_suite(suite, run_folder)


def keep_tools(state: StackState, parts: Parts, *, log: Log) -> None:
    """Once the stack is up: with what it is run. Raises nothing."""
    folder = Path(state.run_folder)
    with Missing(folder, log).noted(names.VERSIONS):
        keep_versions(folder, k6=parts.k6_version(), prometheus=state.prometheus_version)


@dataclass(frozen=True)
class _Ended:
    """A benchmark whose load was begun, at its end."""

    suite: Suite
    state: StackState
    started_at: datetime
    ended_at: datetime  # of the load; of the run, where the load was cut off
    run_folder: Path


def keep_end(ledger: Ledger, suites: Sequence[Suite], stack: RunningStack, parts: Parts) -> None:
    """When the outcome is known and the stack still up. Raises nothing; takes some 15 s at the very most."""
    run_folder = ledger.project.run_folder(ledger.run_id)
    if not (ledger.owned and run_folder.is_dir()):
        return  # somebody else's, or turned away
    log = partial(ledger.instance.report_engine_event, dagster_run=ledger.run)
    missing = Missing(run_folder, log)
    ended: _Ended | None = None
    with missing.noted(names.SAMPLES):
        ended = _ended(ledger, suites)
        _keep_samples(ended, parts)
    with missing.noted(names.TSDB_FOLDER):
        _keep_tsdb(ended, stack, parts, log)
    with missing.noted(names.RUN_DASHBOARDS):
        _keep_dashboards(ended)
    with missing.noted(names.EVENTS):  # the last one: it tells of the others
        keep_events(ledger.instance, ledger.run.run_id, run_folder)


def _ended(ledger: Ledger, suites: Sequence[Suite]) -> _Ended | None:
    """None: no load was begun."""
    home, run_folder = ledger.project.home, ledger.project.run_folder(ledger.run_id)
    state = read_value(home, ledger.run_id, FIRST_STEP, StackState)
    load = read_value(home, ledger.run_id, LOAD_STEP, LoadResult)
    if state is None or not (load or (run_folder / names.RAW_SAMPLES).exists()):
        return None
    return _Ended(
        suite=next(suite for suite in suites if suite.name == state.request.suite),
        state=state,
        started_at=load.started_at if load else state.ready_at,
        ended_at=load.ended_at if load else datetime.now(UTC),
        run_folder=run_folder,
    )


def _keep_samples(ended: _Ended | None, parts: Parts) -> None:
    """Of a load that was cut off; one that was not has them."""
    if ended is None:
        raise NotKept(NO_LOAD)
    raw = ended.run_folder / names.RAW_SAMPLES
    if raw.exists() and not (ended.run_folder / names.SAMPLES).exists():
        parts.keep_samples(ended.suite, ended.run_folder)


def _keep_tsdb(ended: _Ended | None, stack: RunningStack, parts: Parts, log: Log) -> None:
    if ended is None:
        raise NotKept(NO_LOAD)
    if not ended.suite.archive.tsdb:
        raise NotKept(f"switched off by `archive: {{tsdb: false}}` in {names.SUITE_FILE}")
    if ended.state.stack == EXTERNAL_STACK:
        raise NotKept(f"the Prometheus at {ended.state.prometheus_url} is not the run's own")
    url, data = stack.prometheus_url, stack.prometheus_data
    if url is None or data is None:
        if (ended.run_folder / names.TSDB_INFO).exists():
            return  # of the steps that were executed before these
        raise NotKept("the run's own Prometheus has gone")
    log(
        parts.keep_tsdb(
            url,
            data=data,
            suite=ended.suite,
            state=ended.state,
            started_at=ended.started_at,
            ended_at=ended.ended_at,
        )
    )


def _keep_dashboards(ended: _Ended | None) -> None:
    if ended is None:
        raise NotKept(NO_LOAD)
    run = ShownRun(
        run_id=ended.state.run_id,
        target=ended.state.request.target,
        started_at=ended.started_at,
        ended_at=ended.ended_at,
    )
    for name, text in baked_dashboards(ended.suite, run).items():
        write_whole(ended.run_folder / names.RUN_DASHBOARDS / name, text)
