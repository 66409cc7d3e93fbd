"""``perf-pipeline archive``: what was kept of ended runs, whether it is whole, and what can be made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli.archive_open import open_run
from perf_pipeline.cli.archive_verify import verify
from perf_pipeline.cli.archiving import NowOption, swept, when_calm
from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import LAST, JsonOption, RunArgument, open_store, print_json
from perf_pipeline.conventions import EXIT_INTERNAL
from perf_pipeline.core.wording import count
from perf_pipeline.project import find_project

if TYPE_CHECKING:
    from perf_pipeline.archive.archives import Archive
    from perf_pipeline.archive.place import Place

EXIT_DIFFERENT = 3  # as of a run that differs from what it is compared with

app = typer.Typer(
    help="List, verify, restore or prune archives of ended runs.\n\nThey lie in <home>/archive, or where "
    "PERF_PIPELINE_ARCHIVE says.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("open")(open_run)
app.command("verify")(verify)


@app.command("list")
def list_(
    suite: Annotated[str | None, typer.Option(help="Only runs of this suite.")] = None,
    target: Annotated[str | None, typer.Option(help="Only runs against this target.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many, newest first; 0: all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List archived runs, newest first."""
    from perf_pipeline.archive.archives import list_archives  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.terminal_archive import print_archives  # noqa: PLC0415 - keeps `--help` fast

    place = _place()
    listing = list_archives(place)
    fitting = [
        one
        for one in reversed(listing.archives)
        if suite in (None, one.manifest.suite) and target in (None, one.manifest.target)
    ]
    shown = fitting[: limit or None]
    if as_json:
        archives = [{"folder": one.folder, **one.manifest.model_dump(mode="json")} for one in shown]
        print_json({"archives": archives, "problems": listing.problems})
        return
    if not fitting:
        print(as_called(f"no archives at {place.where}: `perf-pipeline archive sweep` makes them."))
    else:
        size = sum(one.manifest.bytes for one in fitting)
        print_archives([one.manifest for one in shown], more=len(fitting) - len(shown), bytes_of_all=size)
    for problem in listing.problems:
        print(problem)


@app.command("restore")
def restore(
    run: RunArgument,
    to: Annotated[
        Path | None, typer.Option("--to", help="A new folder. Default: the run's own, in the home folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a folder of an archive again.

    Every byte is verified. Without --to the run is back where reports and later comparisons look for it.
    """
    from perf_pipeline.archive.restore import restore as restore_to  # noqa: PLC0415 - keeps `--help` fast

    project, place = find_project(), _place()
    archive = _find(place, run)
    folder = restore_to(place, archive, to or project.run_folder(archive.run_id))
    _say(as_json, f"run {archive.run_id} is restored to {folder}", run_id=archive.run_id, folder=str(folder))


@app.command("export")
def export(
    run: RunArgument,
    to: Annotated[Path, typer.Option("--to", help="Folder that the file goes to.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write an archive as one .tar file.

    The same archive is the same file, byte for byte.
    """
    from perf_pipeline.archive.restore import export as export_to  # noqa: PLC0415 - keeps `--help` fast

    place = _place()
    archive = _find(place, run)
    file = export_to(place, archive, to)
    _say(as_json, f"run {archive.run_id} is in {file}", run_id=archive.run_id, file=str(file))


@app.command("sweep")
def sweep(now: NowOption = False, as_json: JsonOption = False) -> None:
    """Archive the runs that have ended and are not archived.

    Those too whose archive has gone, while their folder is still there.
    """
    project, place = find_project(), _place()
    found = swept(project, place, lost_too=True, keep_going=when_calm(now=now))
    if as_json:
        archived = [one.run_id for one in found.archived]
        left = {"stopped": found.stopped, "other_store": found.other_store}
        print_json({"archived": archived, "waiting": found.waiting, "failed": found.failed, **left})
    else:
        for one in found.archived:
            print(f"archived  {one.run_id}  {one.manifest.bytes:,} bytes  {place.where}/{one.folder}")
        for state, runs in (("waits", found.waiting), ("failed", found.failed)):
            for run_id, why in runs.items():
                print(f"{state:8}  {run_id}  {why}")
        for sentence in filter(None, [found.other_store, "" if found.failed else found.stopped]):
            print(as_called(sentence))
        print(f"{count(len(found.archived), 'run')} archived at {place.where}")
    raise typer.Exit(EXIT_INTERNAL if found.failed else 0)


@app.command("prune")
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
    now: NowOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove archives that are kept no longer.

    For how long, and how many of a target, the suite file says. The folders of the runs go with them.
    Runs in a baseline, and those that were judged with one, always stay.
    """
    from perf_pipeline.archive.pruning import prune as prune_now  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.suite_file import discover_suites, load_suite  # noqa: PLC0415 - keeps `--help` fast

    project, place = find_project(), _place()
    policies = {name: load_suite(file).archive for name, file in discover_suites(project.root).items()}
    calm = when_calm(now=now or dry_run)
    with open_store(project) as store:
        found = prune_now(
            place, store, project, policies, datetime.now(UTC), dry_run=dry_run, keep_going=calm
        )
    if as_json:
        print_json({**vars(found), "runs": [vars(one) for one in found.runs], "dry_run": dry_run})
        return
    for one in found.runs:
        print(f"{'would go' if dry_run else 'pruned'}  {one.run_id}  {one.why}")
    for sentence in found.kept:
        print(f"kept  {sentence}")
    going = "would go" if dry_run else "pruned"
    print(f"{count(len(found.runs), 'archive')} {going}, {found.bytes:,} bytes; {found.left} stay")


@app.command("rebuild-store")
def rebuild_store(
    journal: Annotated[
        str | None,
        typer.Option(
            help="Begin of the id of the store whose journal is taken, or `last` for the newest; needed "
            "where several stores have kept one."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the store again from archives alone.

    The present one must be empty. Runs, verdicts, baselines, decisions, deploys and pauses are as they
    were when the newest was archived.
    """
    from perf_pipeline.archive.rebuild import rebuild_store as rebuild  # noqa: PLC0415 - keeps `--help` fast

    project, place = find_project(), _place()
    project.make_home()
    with open_store(project) as store:
        found = rebuild(place, store, journal=journal)
        where = store.where
    if as_json:
        print_json({**vars(found), "store": where})
        return
    for sentence in found.missing:
        print(f"missing  {sentence}")
    if found.journal is not None:
        print(f"journal  {place.where}/{found.journal}")
    print(f"the store at {where} has {count(found.runs, 'run')} from {place.where}")


@app.command("rejudge")
def rejudge(
    run: RunArgument = LAST,
    to: Annotated[
        Path | None, typer.Option("--to", help="A new folder. Default: rejudged/<run id> in the home folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge and report a run again from archives alone.

    Says per endpoint whether the verdict is the same. Exit code 3 when one is not.
    """
    from perf_pipeline.archive.rejudge import rejudge as judge_again  # noqa: PLC0415 - SciPy, polars, plots
    from perf_pipeline.cli.past import suite_as_recorded, suite_today  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.terminal_archive import print_rejudged  # noqa: PLC0415 - keeps `--help` fast

    project, place = find_project(), _place()
    archive = _find(place, run)
    found = judge_again(
        place,
        archive,
        to or project.home / "rejudged" / archive.run_id,
        anew=to is None,
        suite_today=lambda record: suite_today(project, record) or suite_as_recorded(record),
    )
    if as_json:
        endpoints = [{**vars(one), "same": one.same} for one in found.endpoints]
        print_json({**vars(found), "endpoints": endpoints, "same": found.same})
    else:
        print_rejudged(found)
    raise typer.Exit(0 if found.same else EXIT_DIFFERENT)


def _place() -> Place:
    from perf_pipeline.archive.place import place_of  # noqa: PLC0415 - keeps `--help` fast

    return place_of(find_project())


def _find(place: Place, run: str) -> Archive:
    from perf_pipeline.archive.archives import find_archive  # noqa: PLC0415 - keeps `--help` fast

    return find_archive(place, run)


def _say(as_json: bool, sentence: str, **facts: object) -> None:
    if as_json:
        print_json({"sentence": sentence, **facts})
    else:
        print(sentence)
