"""``perf-pipeline archive open``: a fresh Prometheus on what a run's own one held, and what it answers."""

from __future__ import annotations

import math
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli.shared import LAST, JsonOption, RefusedError, find_run, open_store, print_json
from perf_pipeline.conventions import MISSING, REPORT_JSON, RUN_DASHBOARDS, TSDB_FOLDER
from perf_pipeline.project import Project, find_project
from perf_pipeline.store.errors import StoreError

if TYPE_CHECKING:
    from perf_pipeline.prometheus.tsdb_snapshot import TsdbInfo

EXIT_DIFFERENT = 3  # as of `archive rejudge`
LOOK_S = 0.2
SAME = 1e-9  # relative: the same histograms, the same arithmetic

RunOrFolder = Annotated[
    str,
    typer.Argument(
        help="Run id, or the beginning of it; `last` is the newest; or the folder of a run or archive."
    ),
]


@dataclass(frozen=True)
class Answer:
    """p95 of one endpoint in ms, None without a sample; ``recorded``: as Prometheus answered in the run."""

    endpoint: str
    p95_ms: float | None
    recorded_p95_ms: float | None
    agrees: bool | None  # None: the run left no report to hold it against


def open_run(
    run: RunOrFolder = LAST,
    once: Annotated[bool, typer.Option("--once", help="Print the answers and end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Open what a run's own Prometheus held, in a fresh one.

    Prints where it listens and the p95 of every endpoint as it answers now, beside what the run recorded;
    then stays up until Ctrl-C. Exit code 3: the answers differ.
    """
    from perf_pipeline.stack.base import NotReady  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.stack.replay import replayed  # noqa: PLC0415 - httpx takes 0.2 s to import

    project = find_project()
    with _folder_of(project, run) as folder:
        info = _info(folder)
        try:
            with (
                _ended_by_signals(),
                replayed(folder, home=project.home, tools=project.tools) as (url, server),
            ):
                answers = _answers(url, info, folder)
                if as_json:
                    print_json(_document(url, info, answers))
                else:
                    _print(url, info, answers)
                agree = all(one.agrees is not False for one in answers)
                sys.stdout.flush()  # somebody may wait for the address behind a pipe
                if not once:
                    print(
                        f"Dashboards of the run, to be imported beside it: {folder / RUN_DASHBOARDS}\n"
                        "Ctrl-C ends it.",
                        file=sys.stderr,
                        flush=True,
                    )
                    while server.is_running():
                        time.sleep(LOOK_S)
                    raise RefusedError("Prometheus has ended: open the run again.")
        except NotReady as error:
            raise RefusedError(f"{error.sentence}.") from error
        except KeyboardInterrupt:
            return
    if not agree:
        raise typer.Exit(EXIT_DIFFERENT)


@contextmanager
def _folder_of(project: Project, run: str) -> Iterator[Path]:
    """The run's own folder where it still is, else its archive. Raises RefusedError or ArchiveError."""
    named = Path(run)
    if named.is_dir():
        yield named
        return
    run_id, unknown = run, ""
    try:
        with open_store(project) as store:
            run_id = find_run(store, run).run_id
    except (StoreError, RefusedError) as error:
        unknown = str(error)  # a store that was lost: the archives know the run
    folder = project.run_folder(run_id)
    if not unknown and folder.is_dir():
        yield folder
        return
    with _restored(project, run_id, unknown) as folder:
        yield folder


@contextmanager
def _restored(project: Project, run_id: str, unknown: str) -> Iterator[Path]:
    """The run's archive as a folder; every byte of it is verified."""
    from perf_pipeline.archive.archives import find_archive  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.archive.errors import ArchiveError  # noqa: PLC0415
    from perf_pipeline.archive.place import place_of  # noqa: PLC0415
    from perf_pipeline.archive.restore import restore  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="perf-pipeline-archive-") as scratch:
        place = place_of(project)
        try:
            archive = find_archive(place, run_id)
        except ArchiveError as error:
            raise RefusedError(unknown or str(error)) from error
        yield restore(place, archive, Path(scratch) / "run")


def _info(folder: Path) -> TsdbInfo:
    from perf_pipeline.keeping import read_missing  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.prometheus.tsdb_snapshot import read_tsdb_info  # noqa: PLC0415

    try:
        return read_tsdb_info(folder)
    except FileNotFoundError:
        reason = read_missing(folder).get(TSDB_FOLDER) or f"{folder} has no {TSDB_FOLDER} and no {MISSING}"
        raise RefusedError(f"there is no snapshot of Prometheus for this run: {reason}.") from None
    except ValueError as error:
        raise RefusedError(
            f"the description of the snapshot in {folder} is damaged ({error}): restore it from an archive."
        ) from error


def _answers(url: str, info: TsdbInfo, folder: Path) -> list[Answer]:
    from perf_pipeline.prometheus.client import PrometheusClient, PrometheusLostError  # noqa: PLC0415

    try:
        found = PrometheusClient(url).by_endpoint(info.p95_s, info.ended_at)
    except PrometheusLostError as error:
        raise RefusedError(f"Prometheus was started but cannot be asked: {error}.") from error
    now = {name: value * 1000.0 for name, value in found.items()}
    recorded = _recorded(folder)
    if recorded is None:
        return [Answer(name, value, None, None) for name, value in sorted(now.items())]
    known = dict.fromkeys([*recorded, *sorted(now)])
    return [
        Answer(name, now.get(name), recorded.get(name), _same(now.get(name), recorded.get(name)))
        for name in known
    ]


def _same(now: float | None, then: float | None) -> bool:
    return now == then or (now is not None and then is not None and math.isclose(now, then, rel_tol=SAME))


def _recorded(folder: Path) -> dict[str, float | None] | None:
    """Endpoint -> p95 in ms, as Prometheus answered in the run; None: the run left no report."""
    from perf_pipeline.report.json_report import ReportError, read_json  # noqa: PLC0415

    try:
        record = read_json((folder / REPORT_JSON).read_text(encoding="utf-8"))
    except (FileNotFoundError, ReportError):
        return None
    return {name: one.p95_ms for name, one in record.snapshot.figures.items()}


def _document(url: str, info: TsdbInfo, answers: Sequence[Answer]) -> dict[str, object]:
    return {
        "url": url,
        "run_id": info.run_id,
        "suite": info.suite,
        "at": info.ended_at.isoformat(),
        "query": info.p95_s,
        "endpoints": [asdict(one) for one in answers],
    }


def _print(url: str, info: TsdbInfo, answers: Sequence[Answer]) -> None:
    print(f"Prometheus on what run {info.run_id} of suite {info.suite} has kept: {url}")
    moment = info.ended_at
    print(f"p95 at the end of its load, {moment:%Y-%m-%d %H:%M:%S} UTC (time={moment.timestamp():.3f}):")
    print(f"  {info.p95_s}\n")
    width = max([len(one.endpoint) for one in answers] + [len("endpoint")])
    print(f"  {'endpoint':<{width}}  {'p95 ms':>9}  {'recorded':>9}")
    for one in answers:
        differs = "  differs" if one.agrees is False else ""
        print(f"  {one.endpoint:<{width}}  {_ms(one.p95_ms):>9}  {_ms(one.recorded_p95_ms):>9}{differs}")
    if not answers:
        print("  no endpoint has a sample")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Meanwhile SIGTERM does what Ctrl-C does: Prometheus must not stay behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
