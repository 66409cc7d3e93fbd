"""Archiving from the command line, where no daemon may run that does it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import RefusedError, open_store
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError

if TYPE_CHECKING:
    from perf_pipeline.archive.place import Place
    from perf_pipeline.archive.sweeping import Swept


NowOption = Annotated[
    bool, typer.Option("--now", help="Also while a benchmark is under way, which it disturbs.")
]


def when_calm(*, now: bool) -> Callable[[], bool]:
    """Whether no benchmark is under way on this machine; ``now``: it does not matter.

    Raises RefusedError when one is.
    """
    from perf_pipeline.stack.lock import HostLock  # noqa: PLC0415 - keeps `--help` fast

    busy = None if now else HostLock().busy()
    if busy:
        raise RefusedError(f"{busy}; --now does it all the same, and disturbs that measurement.")
    return lambda: now or HostLock().busy() is None


def swept(
    project: Project,
    place: Place,
    only: Collection[str] | None = None,
    *,
    lost_too: bool = False,
    keep_going: Callable[[], bool] = lambda: True,
) -> Swept:
    """See ``archive.sweeping.sweep``. Raises ArchiveError and StoreError."""
    from perf_pipeline.archive.sweeping import Here, sweep  # noqa: PLC0415 - keeps `--help` fast

    with open_store(project) as store:
        here = Here(host=socket.gethostname())
        return sweep(
            place,
            store,
            project,
            here,
            clock=_now,
            only=only,
            lost_too=lost_too,
            keep_going=keep_going,
        )


def archive_quietly(project: Project, run_ids: Collection[str]) -> None:
    """Archive runs that this command has made. What goes wrong is one line and changes nothing of them."""
    if not run_ids:
        return
    from perf_pipeline.archive.place import place_of  # noqa: PLC0415 - keeps `--help` fast

    try:
        failed = swept(project, place_of(project), only=run_ids).failed
        why = next(iter(failed.values()), "")
    except (ArchiveError, StoreError) as error:
        why = str(error)
    except KeyboardInterrupt:
        why = "interrupted"
    except Exception as error:  # whatever it is: the run has its outcome, and the command ends with that
        why = f"{type(error).__name__}: {error}"
    if why:
        again = "`perf-pipeline archive sweep` tries it again"
        print(as_called(f"perf-pipeline: warning: not archived: {why.rstrip('.')}; {again}"), file=sys.stderr)


def _now() -> datetime:
    return datetime.now(UTC)
