"""What archives of real runs withstand, and what they cost; writes its findings as Markdown.

    python -m benchmarks.archive.lenient run multiplayer --profile smoke --no-confirm   # some times
    sudo python -m benchmarks.archive.evidence > benchmarks/archive/RESULTS.md

with PERF_PIPELINE_HOME. Root is needed for the small tmpfs alone. The home folder is copied; nothing in it is
changed. ``benchmarks.archive.lenient`` is the command without its limit on how busy the machine may be:
others used it at the time, and a run that is invalid is not compared.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.archive import daemon, many
from perf_pipeline import conventions as names
from perf_pipeline.archive.archives import Archive, list_archives
from perf_pipeline.archive.place import open_place
from perf_pipeline.archive.verify import verify_archive
from perf_pipeline.project import Project, find_project
from perf_pipeline.report.terminal_archive import size
from perf_pipeline.store.repository import Store

COMMAND = [sys.executable, "-m", "benchmarks.archive.lenient"]
TMPFS_BYTES = 300_000
KILLS = 20
SEED = 5
NOT_COPIED = ("dagster", "prometheus", "rejudged", names.ARCHIVE_FOLDER)


def main() -> None:
    source = find_project()
    with tempfile.TemporaryDirectory(prefix="perf-archive-") as folder:
        home = Path(folder, "home")
        shutil.copytree(source.home, home, ignore=shutil.ignore_patterns(*NOT_COPIED))
        project = Project(source.root, home, source.tools, f"sqlite:///{home / names.STORE_FILE}")
        _forget(project)
        call(project, "archive", "sweep")
        print(f"# Archives: what they withstand, what they cost\n\n{__doc__.split(chr(10), 2)[2].rstrip()}\n")
        print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {sys.version.split()[0]}.\n")
        costs(project)
        flipped(project)
        rebuilt(project)
        killed(project)
        full(project)
        with _fresh(project) as (_, environment):
            daemon.watch(project, environment)
        many.measure(project, COMMAND)


def call(project: Project, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {
        names.ENV_ROOT: str(project.root),
        names.ENV_HOME: str(project.home),
        names.ENV_STORE_URL: project.store_url,
        names.ENV_ARCHIVE: str(project.home / names.ARCHIVE_FOLDER),
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | own | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def archives(project: Project) -> list[Archive]:
    return list_archives(open_place(str(project.home / names.ARCHIVE_FOLDER))).archives


def costs(project: Project) -> None:
    """Bytes per run, and what of them takes its place on the disk a second time."""
    print(
        "## Bytes of a run\n\n| run | outcome | files | bytes | shared with the run's folder |\n"
        "|---|---|---|---|---|"
    )
    for one in archives(project):
        top = project.home / names.ARCHIVE_FOLDER / one.folder
        shared = sum(path.stat().st_size for path in _files(top) if path.stat().st_nlink > 1)
        manifest = one.manifest
        print(
            f"| {one.run_id[:8]} | {manifest.outcome} | {len(manifest.files)} | {manifest.bytes:,} "
            f"| {shared:,} |"
        )
    largest = archives(project)[-1].manifest.files
    rows = sorted(largest.items(), key=lambda item: -item[1].bytes)[:6]
    said = ", ".join(f"`{path}` {size(entry.bytes)}" for path, entry in rows)
    print(f"\nThe largest files of the newest: {said}.\n")


def flipped(project: Project) -> None:
    """One bit in each file of one archive, one file after the other."""
    place = open_place(str(project.home / names.ARCHIVE_FOLDER))
    archive = archives(project)[-1]
    top, chance = project.home / names.ARCHIVE_FOLDER / archive.folder, random.Random(SEED)
    files, caught = _files(top), 0
    for file in files:
        good = file.read_bytes()
        where = chance.randrange(len(good))
        file.unlink()  # it may be the run's, too
        file.write_bytes(good[:where] + bytes([good[where] ^ 1 << chance.randrange(8)]) + good[where + 1 :])
        caught += bool(verify_archive(place, archive).problems)
        file.write_bytes(good)
    after = verify_archive(place, archive).problems
    print("## One flipped bit in each file\n")
    print(
        f"Run {archive.run_id[:8]}: {len(files)} files, a random bit flipped in each by turns: "
        f"verify found **{caught}**."
    )
    print(f"All put back: {len(after)} problems. As the command says it:\n")
    log = top / names.REPORT_JSON
    good = log.read_bytes()
    log.write_bytes(good.replace(b"passed", b"Passed", 1) if b"passed" in good else b"x" + good[1:])
    said = call(project, "archive", "verify")
    log.write_bytes(good)
    _shown("archive verify", said, project)


def rebuilt(project: Project) -> None:
    """The store deleted, made again, and every run that was compared judged again."""
    print("## The store deleted\n")
    before = everything(project)
    for file in project.home.glob(f"{names.STORE_FILE}*"):
        file.unlink()
    shutil.move(project.home / "runs", project.home / "runs-away")
    _shown("archive rebuild-store", call(project, "archive", "rebuild-store"), project)
    print(f"All that the store tells is as it was: **{'yes' if everything(project) == before else 'NO'}**.\n")
    for one in archives(project):
        if one.manifest.verdicts:
            said = call(project, "archive", "rejudge", one.run_id)
            compared = "no_baseline" not in one.manifest.verdicts.values()
            if compared:
                _shown(f"archive rejudge {one.run_id[:8]}", said, project)
            else:
                print(
                    f"`archive rejudge {one.run_id[:8]}` ({one.manifest.outcome}, not compared): "
                    f"exit {said.returncode}, {said.stdout.splitlines()[0]}\n"
                )
    shutil.move(project.home / "runs-away", project.home / "runs")


def everything(project: Project) -> object:
    with Store(project.store_url) as store:
        runs = store.list_runs(limit=1000)
        records = [store.record(run.run_id) for run in runs if run.measured]
        return runs, records, store.rows_beside_runs(), store.archives(), store.promotions(limit=1000)


def killed(project: Project) -> None:
    """``archive sweep`` killed with -9 at random moments, over and over, until all is archived."""
    chance, half, left, times = random.Random(SEED), 0, 0, []
    started = time.monotonic()
    call(project, "archive", "sweep", **{names.ENV_ARCHIVE: str(project.home / "calm")})
    usual = time.monotonic() - started
    with _fresh(project) as (there, environment):
        for _ in range(KILLS):
            process = subprocess.Popen(
                [*COMMAND, "archive", "sweep"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            moment = usual * chance.uniform(0.6, 1.05)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.wait()
            times.append(moment)
            place = open_place(str(there))
            half += sum(bool(verify_archive(place, one).problems) for one in list_archives(place).archives)
            left += sum(path.name.endswith(".partial") for path in there.rglob(".*"))
            if len(list_archives(place).archives) == len(archives(project)):
                shutil.rmtree(there)
                _forget(project)
        subprocess.run([*COMMAND, "archive", "sweep"], env=environment, capture_output=True, check=True)
        place = open_place(str(there))
        done = list_archives(place).archives
        wrong = sum(len(verify_archive(place, one).problems) for one in done)
        remains = [*there.rglob(".*.partial")]
    print("## Killed with -9\n")
    print(
        f"`archive sweep` of {len(done)} runs takes {usual:.1f} s. Killed {KILLS} times after "
        f"{min(times):.1f}-{max(times):.1f} s: **{half}** archives that were not whole, {left} hidden "
        f"folders of a killed writer. After one more sweep: {len(done)} archives, {wrong} problems, "
        f"{len(remains)} hidden folders.\n"
    )


def full(project: Project) -> None:
    """An archive on a tmpfs that has no room for it."""
    print(f"## Disk full: a tmpfs of {TMPFS_BYTES:,} bytes\n")
    with _fresh(project) as (there, environment):
        there.mkdir()
        mounted = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(there)]
        if os.geteuid() != 0 or subprocess.run(mounted, check=False, capture_output=True).returncode:
            print("Not tried: mounting needs root.\n")
            return
        try:
            said = subprocess.run(
                [*COMMAND, "archive", "sweep"], env=environment, capture_output=True, text=True, check=False
            )
            _shown("archive sweep", said, project)
            found, remains = list_archives(open_place(str(there))).archives, [*there.rglob(".*.partial")]
            print(f"Archives there: {len(found)}; half written: {len(remains)}; ", end="")
            with Store(project.store_url) as store:
                outcomes = [run.outcome.value for run in store.list_runs() if run.outcome]
            print(f"outcomes in the store: {', '.join(outcomes)}.\n")
            subprocess.run(["mount", "-o", "remount,size=64m", str(there)], check=True)
            subprocess.run([*COMMAND, "archive", "sweep"], env=environment, capture_output=True, check=True)
            print(f"After room was made: {len(list_archives(open_place(str(there))).archives)} archives.\n")
        finally:
            subprocess.run(["umount", str(there)], check=True)


@contextmanager
def _fresh(project: Project) -> Iterator[tuple[Path, dict[str, str]]]:
    """An archive folder of its own, and a store that knows of no archive."""
    store_file = project.home / names.STORE_FILE
    kept = store_file.read_bytes()
    _forget(project)
    there = project.home / "other-archive"
    try:
        yield (
            there,
            os.environ
            | {
                names.ENV_ROOT: str(project.root),
                names.ENV_HOME: str(project.home),
                names.ENV_STORE_URL: project.store_url,
                names.ENV_ARCHIVE: str(there),
            },
        )
    finally:
        shutil.rmtree(there, ignore_errors=True)
        for file in project.home.glob(f"{names.STORE_FILE}-*"):
            file.unlink()
        store_file.write_bytes(kept)


def _forget(project: Project) -> None:
    """The store knows of no archive any more; all that it knows is in its one file."""
    connection = sqlite3.connect(project.home / names.STORE_FILE)
    connection.execute("DELETE FROM perf_archives")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _files(top: Path) -> list[Path]:
    return sorted(path for path in top.rglob("*") if path.is_file())


def _shown(command: str, said: subprocess.CompletedProcess[str], project: Project) -> None:
    text = (said.stdout + said.stderr).replace(str(project.home), "~").rstrip()
    print(f"`perf-pipeline {command}` (exit {said.returncode}):\n\n```\n{text}\n```\n")


if __name__ == "__main__":
    main()
