"""A run judged and reported again from archives alone: no store, no Prometheus, no folder of a run.

The runs that it was compared with are those in its record, whatever the baseline is now. The suite is the one
that the archive holds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perf_pipeline.archive.archives import Archive, list_archives, read_record
from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.archive.journal import LAST
from perf_pipeline.archive.place import Place
from perf_pipeline.archive.rebuild import rebuild_store
from perf_pipeline.archive.restore import built, copy_file, fill
from perf_pipeline.conventions import SAMPLES, SNAPSHOT_SERIES, SUITE_COPY
from perf_pipeline.core.history_model import Past
from perf_pipeline.core.judgement import Comparison
from perf_pipeline.core.judging import judge
from perf_pipeline.core.model import RunRecord, RunSamples, SloReport
from perf_pipeline.core.outcome import decide_outcome
from perf_pipeline.core.slo import slo_report
from perf_pipeline.load.samples import load_samples
from perf_pipeline.report.write import write_reports
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.past import past_of
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import SuiteError, load_suite


@dataclass(frozen=True)
class EndpointAgain:
    """One endpoint, as it was judged and as it is judged now: verdict, and whether it kept its promise."""

    endpoint: str
    verdict_then: str
    verdict_now: str
    slo_then: str
    slo_now: str

    @property
    def same(self) -> bool:
        return (self.verdict_then, self.slo_then) == (self.verdict_now, self.slo_now)


@dataclass(frozen=True)
class Rejudged:
    run_id: str
    outcome_then: str
    outcome_now: str
    endpoints: list[EndpointAgain]
    identical: bool  # every figure of the judgement, to the last digit
    baseline: list[str]  # runs that it was compared with
    notes: list[str]
    folder: Path  # the archive, restored, with the report written anew

    @property
    def same(self) -> bool:
        return self.outcome_then == self.outcome_now and all(one.same for one in self.endpoints)


def rejudge(
    place: Place,
    archive: Archive,
    folder: Path,
    *,
    suite_today: Callable[[RunRecord], Suite],
    anew: bool = False,
) -> Rejudged:
    """Restore the archive into ``folder``, and judge and report what it holds.

    ``suite_today``: taken where the archive holds no suite that can be read. ``anew``: ``folder`` may be
    there, and stays until the new one is complete. Raises ArchiveError for a run that was not measured, and
    when an archive that is needed is missing or damaged.
    """
    with built(folder, anew=anew) as unfinished:
        found = _rejudged(place, archive, unfinished, suite_today)
    return replace(found, folder=folder)


def _rejudged(
    place: Place, archive: Archive, folder: Path, suite_today: Callable[[RunRecord], Suite]
) -> Rejudged:
    record = read_record(place, archive)
    if record is None:
        raise ArchiveError(
            f"run {archive.run_id} has nothing to judge, it ended as {archive.manifest.outcome}: "
            f"{archive.manifest.sentence}"
        )
    there = {one.run_id: one for one in list_archives(place).archives}
    fill(place, archive, folder)
    suite, notes = _suite(folder, record, suite_today)
    compared = record.comparison.baseline
    baseline = compared.compared_run_ids if compared else []
    samples = _samples(place, there, [*baseline, *_together(record)])
    mine = load_samples(folder)
    slo = _slo(suite, record, mine)
    comparison = _comparison(
        suite,
        record,
        baseline=[samples[run_id] for run_id in baseline],
        baseline_records=[_record(place, there, run_id) for run_id in baseline],
        candidates=[*(samples[run_id] for run_id in _together(record)), mine],
    )
    outcome, _ = decide_outcome(slo, comparison)
    now = record.model_copy(update={"slo": slo, "comparison": comparison, "outcome": outcome})
    series_file = folder / SNAPSHOT_SERIES
    write_reports(
        now,
        suite=suite,
        run_folder=folder,
        samples=mine,
        baseline=[samples[run_id] for run_id in baseline],
        series=json.loads(series_file.read_text()) if series_file.exists() else None,
        past=_past(place, now, suite, notes),
    )
    return Rejudged(
        run_id=archive.run_id,
        outcome_then=record.outcome.value,
        outcome_now=outcome.value,
        endpoints=_endpoints(record, now),
        identical=record.comparison.judgement == comparison.judgement and record.slo == slo,
        baseline=baseline,
        notes=notes,
        folder=folder,
    )


def _suite(
    folder: Path, record: RunRecord, suite_today: Callable[[RunRecord], Suite]
) -> tuple[Suite, list[str]]:
    kept = folder / SUITE_COPY / "k6" / record.load.fingerprint.suite
    try:
        return load_suite(kept), []
    except (SuiteError, OSError):
        return suite_today(record), ["its archive holds no suite that can be read: today's was taken"]


def _together(record: RunRecord) -> list[str]:
    """Runs of the series that were judged with it, oldest first, itself left out."""
    series = record.comparison.series
    return series.run_ids[:-1] if series and record.comparison.compared else []


def _samples(place: Place, there: Mapping[str, Archive], run_ids: Sequence[str]) -> dict[str, RunSamples]:
    found: dict[str, RunSamples] = {}
    with tempfile.TemporaryDirectory(prefix="perf-rejudge-") as folder:
        for run_id in run_ids:
            archive = _of(place, there, run_id)
            if SAMPLES not in archive.manifest.files:
                raise ArchiveError(
                    f"the archive of run {run_id} has no {SAMPLES}: the run cannot be judged again."
                )
            own = Path(folder, run_id)
            own.mkdir()
            with (own / SAMPLES).open("xb") as file:
                copy_file(place, archive, SAMPLES, file)
            found[run_id] = load_samples(own)
    return found


def _record(place: Place, there: Mapping[str, Archive], run_id: str) -> RunRecord:
    record = read_record(place, _of(place, there, run_id))
    if record is None:
        raise ArchiveError(f"the archive of run {run_id} has no record: the run cannot be judged against it.")
    return record


def _of(place: Place, there: Mapping[str, Archive], run_id: str) -> Archive:
    if run_id not in there:
        raise ArchiveError(
            f"run {run_id}, which took part in the comparison, is in no archive at {place.where}: without it "
            "the comparison cannot be made again."
        )
    return there[run_id]


def _slo(suite: Suite, record: RunRecord, samples: RunSamples) -> SloReport:
    profile = suite.profiles.get(record.stack.request.profile)
    if profile is None:
        return record.slo
    return slo_report(
        suite=suite,
        profile=profile,
        stack=record.stack,
        load=record.load,
        snapshot=record.snapshot,
        samples=samples,
    )


def _comparison(
    suite: Suite,
    record: RunRecord,
    *,
    baseline: Sequence[RunSamples],
    baseline_records: Sequence[RunRecord],
    candidates: Sequence[RunSamples],
) -> Comparison:
    """A run that was not compared is not compared now."""
    if not record.comparison.compared:
        return record.comparison
    judged = judge(
        baseline=baseline,
        baseline_loads=[one.load for one in baseline_records],
        candidates=candidates,
        load=record.load,
        settings=suite.verdict,
        follow_up=record.stack.request.follow_up,
    )
    return record.comparison.model_copy(update={"judgement": judged.judgement, "control": judged.control})


def _past(place: Place, record: RunRecord, suite: Suite, notes: list[str]) -> Past | None:
    """The runs before it, from a store that is built for this and thrown away."""
    same = record.load.fingerprint

    def wanted(one: Archive) -> bool:
        return (one.manifest.suite, one.manifest.target) == (same.suite, same.target)

    with tempfile.TemporaryDirectory(prefix="perf-rejudge-") as folder:
        try:
            with Store(f"sqlite:///{folder}/store.sqlite") as store:
                rebuild_store(place, store, journal=LAST, wanted=wanted)
                return past_of(record, suite=suite, store=store)
        except (StoreError, ArchiveError) as error:
            notes.append(f"the report shows no history: {error}")
            return None


def _endpoints(then: RunRecord, now: RunRecord) -> list[EndpointAgain]:
    slo_then = {one.endpoint: one.status.value for one in then.slo.endpoints}
    slo_now = {one.endpoint: one.status.value for one in now.slo.endpoints}
    before, after = then.comparison.judgement.endpoints, now.comparison.judgement.endpoints
    return [
        EndpointAgain(
            endpoint=name,
            verdict_then=before[name].verdict.value if name in before else "",
            verdict_now=after[name].verdict.value if name in after else "",
            slo_then=slo_then.get(name, ""),
            slo_now=slo_now.get(name, ""),
        )
        for name in dict.fromkeys([*before, *after, *slo_then])
    ]
