"""``perf-pipeline backup``: all that cannot be made again, copied while everything runs on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from perf_pipeline.cli.shared import JsonOption, RefusedError, print_json
from perf_pipeline.conventions import ARCHIVE_FOLDER
from perf_pipeline.project import find_project


def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; the same folder again copies what is new.")],
    as_json: JsonOption = False,
) -> None:
    """Copy all that cannot be made again into a folder.

    That is the store, run folders, archives and Dagster's storage. Nothing has to be stopped for it.
    Restoring is copying the folder back (docs/operations.md).
    """
    from perf_pipeline.backup import back_up  # noqa: PLC0415 - SQLAlchemy takes 0.3 s to import

    project = find_project()
    place = folder.resolve()
    if place.is_relative_to(project.home) or project.home.is_relative_to(place):
        raise RefusedError(f"{place} and {project.home} lie in each other: name a folder elsewhere.")
    try:
        said = back_up(project, place, now=datetime.now(UTC))
    except OSError as error:
        raise RefusedError(
            f"the backup in {place} is not complete ({error}): make room or name another."
        ) from None
    if as_json:
        print_json(said)
        return
    print(f"{place}: {said['store']} and {said['files_copied']} new files.")
    if project.archive_url != str(project.home / ARCHIVE_FOLDER):
        print(f"The archives in {project.archive_url} are not in it.")
