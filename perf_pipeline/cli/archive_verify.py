"""``perf-pipeline archive verify``: whether what was kept is still what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli.shared import JsonOption, open_store, print_json
from perf_pipeline.core.wording import count
from perf_pipeline.project import Project, find_project

if TYPE_CHECKING:
    from perf_pipeline.store.values import ArchivedRun

EXIT_NOT_WHOLE = 5  # as of a measurement that cannot be judged
STORE_S = 5.0  # to reach the store, which helps to verify and is not needed


def verify(
    run: Annotated[str | None, typer.Argument(help="Run id or its beginning; default: all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold every byte of the archives against what was written.

    Without a run also the journals, and what is left of pruned runs. Needs no store, but knows more with one.
    Exit code 5 when a file is damaged, missing or too much.
    """
    from perf_pipeline.archive.archives import find_archive  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.archive.place import place_of  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.archive.verify import (  # noqa: PLC0415 - keeps `--help` fast
        verify_all,
        verify_archive,
        verify_beside,
    )

    project = find_project()
    place = place_of(project)
    stored, note = _remembered(project)
    if run is None:
        found, beside = verify_all(place, stored), verify_beside(place)
    else:
        archive = find_archive(place, run)
        found, beside = [verify_archive(place, archive, stored.get(archive.run_id))], []
    problems = [problem for one in [*found, *beside] for problem in one.problems]
    if as_json:
        print_json([vars(one) for one in [*found, *beside]])
    else:
        for problem in problems:
            print(problem)
        if note:
            print(f"note: {note}")
        files = sum(one.files for one in [*found, *beside])
        size = sum(one.bytes for one in [*found, *beside])
        wrong = count(len(problems), "problem") if problems else "all as they were written"
        print(f"{count(len(found), 'archive')}, {count(files, 'file')}, {size:,} bytes: {wrong}")
    raise typer.Exit(EXIT_NOT_WHOLE if problems else 0)


def _remembered(project: Project) -> tuple[dict[str, ArchivedRun], str]:
    """What the store knows of archives, and why it knows nothing where it cannot be asked; none is made."""
    from perf_pipeline.store.errors import StoreError  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.store.probe import look_at_store  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.store.url import describe, parse_url  # noqa: PLC0415 - keeps `--help` fast

    alone = "the archives are held against their own manifests alone"
    try:
        said = look_at_store(project.store_url, timeout_s=STORE_S)
        if said != describe(parse_url(project.store_url)):  # opening it would make or change it
            return {}, f"the store at {said}; {alone}"
        with open_store(project) as store:
            return store.archives(), ""
    except StoreError as error:
        return {}, f"{str(error).rstrip('.')}; {alone}"
