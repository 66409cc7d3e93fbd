"""Tells Prometheus about a run. Whatever goes wrong with it is a warning in the run's log and no more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from perf_pipeline.conventions import PHASE_SETUP, RUNS_LOOKED_AT, TOLD_SAMPLES
from perf_pipeline.core.model import MEASURED, Outcome, RunRecord, StackState
from perf_pipeline.core.run_samples import (
    BaselineBand,
    SeriesSample,
    baseline_band,
    corrected,
    end_samples,
    ended,
    invalid_of_last_sample,
    outcome_sample,
    planned_rate_per_s,
    run_labels,
    running_samples,
    unix_ms,
)
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.running_stack import RunningStack
from perf_pipeline.files import write_whole
from perf_pipeline.load.progress import Progress
from perf_pipeline.prometheus.errors import RemoteWriteError, TooLateError
from perf_pipeline.stack.base import NotReady
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import Suite

EVERY_S = 15.0  # a series without a new sample is gone after five minutes; a newcomer's panel waits this long
_UNSEEN = "Trends and alerts will not see how this run ended"
_RUNS_READ = 50  # the newest of a suite and target, to find the last few measured ones among them

Log = Callable[[str], object]
_SAMPLES = TypeAdapter(list[SeriesSample])


class TellingWhileLoading:
    """Called with every progress of the load: plan, baseline and revision for the panels beside it."""

    def __init__(self, *, suite: Suite, stack: StackState, store: Store, parts: Parts, warn: Log) -> None:
        self._suite, self._stack, self._parts, self._warn = suite, stack, parts, warn
        self._profile = suite.profiles[stack.request.profile]
        self._band = self._guarded(lambda: _band(suite, stack, store, parts)) or {}
        self._told: list[SeriesSample] = []
        self._told_at = float("-inf")

    def __call__(self, progress: Progress) -> None:
        self._guarded(lambda: self._tell(progress))

    def end(self, at: datetime) -> None:
        """The load is over; without this the panels would go on for five minutes."""
        series = ended(self._told, at_unix_ms=unix_ms(at))
        self._guarded(lambda: self._parts.write_samples(self._stack.prometheus_url, series))

    def _tell(self, progress: Progress) -> None:
        rate = 0.0
        if progress.phase != PHASE_SETUP:
            rate = planned_rate_per_s(
                self._suite, self._profile, elapsed_s=progress.elapsed_s, planned_s=progress.planned_s
            )
        now = time.monotonic()
        if now - self._told_at < EVERY_S and self._told and rate == self._told[0].value:
            return
        self._told_at = now  # also when it fails: not every second again
        self._told = running_samples(
            run_labels(self._stack.run_id, self._stack.request),
            planned_rate_per_s=rate,
            band=self._band,
            revision=self._stack.revision or self._stack.request.told_revision,
            at_unix_ms=round(time.time() * 1000),
        )
        self._parts.write_samples(self._stack.prometheus_url, self._told)

    def _guarded(self, act: Callable[[], BaselineBand | None]) -> BaselineBand | None:
        try:
            return act()
        except Exception as error:  # whatever it is: the load matters more than what is told about it
            self._warn(f"A panel beside this run will have gaps: {error}")
            return None


def tell_end(record: RunRecord, *, store: Store, stack: RunningStack, parts: Parts, warn: Log) -> None:
    """What a measured run found. Starts our Prometheus again where the stack has gone."""
    run_id, folder = record.stack.run_id, Path(record.stack.run_folder)
    try:
        url = stack.with_prometheus(record.stack).prometheus_url
        run = store.find_run(run_id)
        samples = end_samples(record, accepted=run.in_baseline, invalid_of_last=invalid_of_last(store, run))
    except (NotReady, StoreError) as error:
        warn(f"{_UNSEEN}: {error}")
        return
    _write(samples, url=url, run_folder=folder, parts=parts, warn=warn)


def tell_outcome(
    run: StoredRun, at: datetime, *, store: Store, stack: RunningStack, parts: Parts, warn: Log
) -> None:
    """How a run ended that left no record, if there is a Prometheus at this moment."""
    url, outcome = stack.prometheus_url, run.outcome
    if url is None or outcome is None:
        return
    labels, moment = run_labels(run.run_id, run), unix_ms(at)
    samples = [outcome_sample(labels, outcome, moment)]
    if outcome is Outcome.INVALID:
        samples.append(invalid_of_last_sample(labels, invalid_of_last(store, run), moment))
    _write(samples, url=url, run_folder=Path(run.run_folder), parts=parts, warn=warn)


def _write(samples: Sequence[SeriesSample], *, url: str, run_folder: Path, parts: Parts, warn: Log) -> None:
    """Write, and remember it in the run's folder: telling it again adds nothing."""
    file = run_folder / TOLD_SAMPLES
    now = round(time.time() * 1000)
    try:
        before = _SAMPLES.validate_json(file.read_text()) if file.exists() else []
        written = corrected(before, samples, now_unix_ms=now)
        # Apart: one sample that is too late has Prometheus refuse all that come with it.
        of_now = [one for one in written if one.unix_ms == now]
        for batch in ([one for one in written if one.unix_ms != now], of_now):
            try:
                parts.write_samples(url, batch)
            except TooLateError as error:
                warn(f"What Prometheus knows of this run stays as it is: {error}")
        write_whole(file, json.dumps([one.model_dump() for one in written]))
    except (RemoteWriteError, OSError, ValidationError) as error:
        warn(f"{_UNSEEN}: {error}")


def invalid_of_last(store: Store, run: StoredRun) -> int:
    """Invalid ones among the last RUNS_LOOKED_AT runs of the suite and target that loaded it, up to ``run``.

    Raises StoreError.
    """
    newest = store.list_runs(suite=run.suite, target=run.target, limit=_RUNS_READ)
    measured = [one for one in newest if one.started_at <= run.started_at and one.outcome in MEASURED]
    return sum(one.outcome is Outcome.INVALID for one in measured[:RUNS_LOOKED_AT])


def _band(suite: Suite, stack: StackState, store: Store, parts: Parts) -> BaselineBand:
    """Of the runs that this one will be compared with."""
    fingerprint = parts.fingerprint(suite=suite, stack=stack)
    ref = store.baseline(
        fingerprint,
        suite.baseline,
        before=None,
        exclude_run=stack.run_id,
        deploy=stack.request.deploy,
    )
    figures = []
    for run_id in ref.run_ids if ref else []:
        try:
            figures.append(store.record(run_id).slo.endpoints)
        except StoreError:
            continue  # of another version; the comparison leaves it out, too
    return baseline_band(figures)
