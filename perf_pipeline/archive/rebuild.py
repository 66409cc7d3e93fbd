"""The store, built again from archives alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from perf_pipeline.archive.archives import Archive, list_archives, read_record, read_row
from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.archive.journal import RECORD, ROW, Journal, choose_journal
from perf_pipeline.archive.place import Place
from perf_pipeline.archive.remains import SUFFIX, read_pruned
from perf_pipeline.core.model import RunRecord
from perf_pipeline.store.repository import Store
from perf_pipeline.store.rows import RunRows

NO_JOURNAL = Journal("", tables={}, unarchived=[])


@dataclass
class Rebuilt:
    """``missing``: one sentence for each thing that the archives should hold and do not."""

    runs: int
    missing: list[str]
    journal: str | None  # path of the one that was taken


def rebuild_store(
    place: Place,
    store: Store,
    *,
    journal: str | None = None,
    wanted: Callable[[Archive], bool] = lambda _: True,
) -> Rebuilt:
    """Fill an empty store.

    ``journal``: of which store, see ``choose_journal``. ``wanted``: with the runs of these archives only, and
    with all that are pruned or not archived yet, which are small. Raises ArchiveError when it cannot be
    told which journal to take, StoreError for a store that is not empty; the store is as it was then.
    """
    chosen, missing = choose_journal(place, journal)
    if chosen is None:
        missing.append(
            f"{place.where} has no journal: baselines, decisions, deploys, pauses and notices are not known"
        )
    known: set[str] = set()

    def runs() -> Iterator[RunRows]:
        for read in _readers(place, chosen or NO_JOURNAL, missing, wanted):
            try:
                one = read()
            except ArchiveError as error:
                missing.append(str(error))
                continue
            if one.run["run_id"] not in known:
                known.add(one.run["run_id"])
                yield one

    left_out = store.fill(runs(), (chosen or NO_JOURNAL).tables, identity=chosen.store if chosen else None)
    return Rebuilt(len(known), [*missing, *left_out], chosen.path if chosen else None)


def _readers(
    place: Place, journal: Journal, missing: list[str], wanted: Callable[[Archive], bool]
) -> Iterator[Callable[[], RunRows]]:
    """What holds runs, the best source of one first."""
    listing = list_archives(place)
    missing += listing.problems
    for archive in listing.archives:
        if wanted(archive):
            yield partial(_of_archive, place, archive)
    for path in place.find(SUFFIX):
        yield partial(read_pruned, place, path)
    for unarchived in journal.unarchived:
        yield partial(_of_journal, unarchived)


def _of_archive(place: Place, archive: Archive) -> RunRows:
    return RunRows(read_row(place, archive), read_record(place, archive), archive.as_stored())


def _of_journal(run: dict[str, object]) -> RunRows:
    row, record = run[ROW], run[RECORD]
    if not isinstance(row, dict):
        raise ArchiveError("the journal holds a run that is none.")
    try:
        return RunRows(row, RunRecord.model_validate(record) if record else None, None)
    except ValidationError:
        raise ArchiveError(f"the journal's run {row.get('run_id')} was written by another version.") from None
