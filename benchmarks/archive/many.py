"""A thousand archived runs: listed, verified, pruned."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from perf_pipeline import conventions as names
from perf_pipeline.archive.archives import list_archives
from perf_pipeline.archive.place import open_place
from perf_pipeline.archive.pruning import prune
from perf_pipeline.archive.sweeping import Here, sweep
from perf_pipeline.core.model import RunRecord
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import ArchivePolicy

RUNS = 1000
KEPT = 200
IN_BASELINE = 5
AGAIN = 5
AnyResult = TypeVar("AnyResult")


def measure(project: Project, command: Sequence[str]) -> None:
    """Copies of the newest real run, one a night, each with its own id, time and folder."""
    print(f"## {RUNS:,} archived runs\n")
    with tempfile.TemporaryDirectory(prefix="perf-archive-") as folder:
        home = Path(folder)
        other = Project(project.root, home, project.tools, f"sqlite:///{home / names.STORE_FILE}")
        archive = open_place(str(home / names.ARCHIVE_FOLDER))
        with Store(project.store_url) as source, Store(other.store_url) as store:
            run = next(one for one in source.list_runs(limit=100) if one.measured)
            record = source.record(run.run_id)
            for night in range(RUNS):
                _copied(project.run_folder(run.run_id), other, store, record, night)
            names_kept = [f"{night:08d}" for night in range(IN_BASELINE)]
            store.pin(
                names_kept, who="benchmark", reason="the oldest are in a baseline", at=datetime.now(UTC)
            )
            here = Here(host="benchmark")
            took, swept = _timed(lambda: sweep(archive, store, other, here, clock=lambda: datetime.now(UTC)))
            print(f"- archived: {len(swept.archived):,} in {took:.1f} s, {1000 * took / RUNS:.0f} ms each")
            took, listing = min(
                (_timed(lambda: list_archives(archive)) for _ in range(AGAIN)), key=lambda one: one[0]
            )
            print(
                f"- listed: {len(listing.archives):,} in **{took:.2f} s** (best of {AGAIN}). That is reading "
                "and checking the manifests alone, not the command"
            )
            shown, all_shown, nothing = (
                _command(command, other, *arguments)
                for arguments in (("list",), ("list", "--limit", "0"), ("--help",))
            )
            print(
                f"- `perf-pipeline archive list` as a whole, which shows 20: {shown:.2f} s; `--limit 0`, "
                f"which shows all: **{all_shown:.2f} s** (Python's start and imports, as of `perf-pipeline "
                f"archive --help`, which lists nothing: {nothing:.2f} s)"
            )
            policies: dict[str, Any] = {record.load.fingerprint.suite: ArchivePolicy(runs=KEPT)}
            now = datetime.now(UTC)
            took, plan = _timed(lambda: prune(archive, store, other, policies, now, dry_run=True))
            print(f"- `prune --dry-run` to {KEPT} runs: {len(plan.runs)} would go, in {took:.2f} s")
            took, done = _timed(lambda: prune(archive, store, other, policies, now))
            left = list_archives(archive).archives
            print(
                f"- pruned: {len(done.runs)} archives and folders, {done.bytes:,} bytes, in {took:.1f} s; "
                f"{len(left)} stay, among them the {sum(one.run_id in names_kept for one in left)} of the "
                "baseline; "
                f"{len(list((home / 'runs').iterdir()))} run folders stay"
            )
            print(f"- kept: {'; '.join(done.kept)}")
            print(
                f"- what stays of a pruned run: {_remains(home)} bytes on average; "
                f"runs in the store: {len(store.list_runs(limit=2 * RUNS)):,}"
            )


def _copied(source: Path, project: Project, store: Store, record: RunRecord, night: int) -> None:
    run_id, ago = f"{night:08d}", timedelta(days=RUNS - night)
    stack = record.stack.model_copy(update={"run_id": run_id})
    started, ended = datetime.now(UTC) - ago, datetime.now(UTC) - ago + timedelta(minutes=2)
    load = record.load.model_copy(update={"run_id": run_id, "started_at": started, "ended_at": ended})
    store.begin_run(
        run_id=run_id,
        request=stack.request,
        run_folder=str(project.run_folder(run_id)),
        owner_pid=2**22 + 1,
        owner_started=started.timestamp(),
        host="benchmark",
        at=started,
    )
    store.save_record(record.model_copy(update={"stack": stack, "load": load}), ended)
    shutil.copytree(source, project.run_folder(run_id), copy_function=os.link)


def _command(command: Sequence[str], project: Project, *arguments: str) -> float:
    environment = os.environ | {
        names.ENV_ROOT: str(project.root),
        names.ENV_HOME: str(project.home),
        names.ENV_STORE_URL: project.store_url,
        names.ENV_ARCHIVE: str(project.home / names.ARCHIVE_FOLDER),
    }
    asked = [*command, "archive", *arguments]
    took = [
        _timed(lambda: subprocess.run(asked, env=environment, check=True, capture_output=True))[0]
        for _ in range(AGAIN)
    ]
    return min(took)


def _remains(home: Path) -> int:
    found = [path.stat().st_size for path in (home / names.ARCHIVE_FOLDER).rglob("*.pruned.json.gz")]
    return round(sum(found) / max(len(found), 1))


def _timed(what: Callable[[], AnyResult]) -> tuple[float, AnyResult]:
    started = time.perf_counter()
    result = what()
    return time.perf_counter() - started, result
