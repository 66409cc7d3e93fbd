"""Two sensors, two schedules and three people launch at once: who runs, who waits, how many k6 there are.

    .venv/bin/python benchmarks/one_at_a_time/measure.py [--fresh]

``--fresh``: in a Dagster home in which nothing has ever run, so that Dagster does not count its pool yet.
Needs about three minutes. Everything is real: Dagster's daemon, the sensors of deploys and confirmations, k6.
The backend is the reference backend under three names, so that deploy, nightly and person have a target each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
sys.path[:0] = [str(SOURCE / "tests" / "integration"), str(SOURCE / "tests" / "unit")]

import cli_parts  # noqa: E402
import dagster_parts as parts  # noqa: E402
import psutil  # noqa: E402
from builders import fingerprint  # noqa: E402
from dagster import DagsterEventType, DagsterInstance, DagsterRun  # noqa: E402
from store_parts import measured  # noqa: E402

from perf_pipeline import conventions as names  # noqa: E402
from perf_pipeline.core.model import FollowUp, Outcome, RunRequest  # noqa: E402
from perf_pipeline.defs.instance import prepare_dagster_home  # noqa: E402
from perf_pipeline.defs.measure import POOL  # noqa: E402
from perf_pipeline.monitoring.k6_suite import suite_json  # noqa: E402
from perf_pipeline.store.repository import Store, StoredRun  # noqa: E402
from perf_pipeline.suite_file import load_suite  # noqa: E402

READY_S = 40  # until daemon and code server are up, on a busy machine
BEFORE_S = 1.2  # the deploy settles, the sensors look
COMMAND_S = 2.5  # from the start of the command to its run
END_S = 400
SAMPLE_EVERY_S = 0.1

_TARGET = """
  {name}:
    start: reference-backend
    health: /api/v1/health/
    limits: {{requests: 200/s, users: 200, duration: 70m}}
"""
_SCHEDULE = "      {name}: {{cron: '{cron}', timezone: UTC, profile: {profile}, enabled: true}}\n"
_WORKSPACE = """
load_from:
  - python_module: {module_name: location, attribute: defs, location_name: perf-pipeline}
"""


def make_project(root: Path, due: datetime) -> cli_parts.Project:
    """Three targets: people and a twin schedule on local, deploys on second, the nightly run on third."""
    project = cli_parts.make_project(root)
    cron = f"{due.minute} {due.hour} * * *"
    text = project.suite_file.read_text()
    twin = "    schedules:\n" + _SCHEDULE.format(name="twin", cron=cron, profile=parts.PROFILE)
    text = text.replace("    schedules:\n", twin, 1)
    second = (
        _TARGET.format(name="second")
        + f"    deploys: {{profile: {parts.PROFILE}, settle: 1s, enabled: true}}\n"
    )
    third = _TARGET.format(name="third") + "    schedules:\n"
    third += _SCHEDULE.format(name="nightly", cron=cron, profile=parts.PROFILE)
    text = text.replace("\n# Load goes to these origins", f"{second}{third}\n# Load goes to these origins", 1)
    project.suite_file.write_text(text)
    suite = load_suite(project.suite_file)
    (project.suite_file.parent / names.SUITE_JSON).write_text(suite_json(suite))
    (root / "workspace.yaml").write_text(_WORKSPACE)
    return project


@contextmanager
def daemon(project: cli_parts.Project) -> Iterator[None]:
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    with (project.root / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "daemon.py"), "run", "-w", str(project.root / "workspace.yaml")],
            cwd=project.root, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield
    finally:
        started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(60)
        for left in psutil.wait_procs(started, timeout=30)[1]:
            left.kill()  # a code server that did not notice


class Sampler:
    """How many k6 processes of these projects there are, ten times a second."""

    def __init__(self, root: Path) -> None:
        self.counts: Counter[int] = Counter()
        self._root, self._over = os.fsencode(root), threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        at = time.monotonic()
        while not self._over.wait(max(0.0, at - time.monotonic())):
            at += SAMPLE_EVERY_S
            self.counts[
                sum(self._is_ours(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
            ] += 1

    def _is_ours(self, process: Path) -> bool:
        try:
            if (process / "comm").read_text() != "k6\n":
                return False
            return self._root in (process / "cmdline").read_bytes()
        except OSError:
            return False  # it has just ended


def ask_for_confirmation(project: cli_parts.Project) -> None:
    """A run that ended just now and asks for another one, as if somebody had started it from the UI."""
    now = datetime.now(UTC)
    wanted = RunRequest(
        suite=parts.SUITE,
        target="local",
        profile=parts.PROFILE,
        launched_by="the UI",
        follow_up=FollowUp.SENSOR,
    )
    record = measured("asks", started_at=now, under=fingerprint(suite=parts.SUITE, profile=parts.PROFILE))
    load = record.load.model_copy(update={"revision_before": "1.0.0", "revision_after": "1.0.0"})
    stack = record.stack.model_copy(update={"request": wanted})
    record = record.model_copy(update={"load": load, "stack": stack, "asks": "get_news is perhaps slower"})
    with project.store() as store:
        store.begin_run(
            run_id="asks", request=wanted, run_folder=str(project.home / "runs" / "asks"), owner_pid=1,
            owner_started=1.0, host="elsewhere", at=now,
        )  # fmt: skip
        store.save_record(record, now)


def sleep_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def main() -> None:
    cli_parts.TIMEOUT_S = END_S  # of a person who waits for everybody else
    with tempfile.TemporaryDirectory(prefix="one-at-a-time-") as folder:
        base = Path(folder)
        due = (datetime.now(UTC) + timedelta(seconds=READY_S + 60)).replace(second=0, microsecond=0)
        project = make_project(base / "project", due)
        other = cli_parts.make_project(base / "other")
        lock = {names.ENV_LOCK: str(base / "benchmark.lock")}
        os.environ.update(project.environment(**lock))
        prepare_dagster_home(project.home)
        if "--fresh" not in sys.argv:
            with DagsterInstance.get() as instance:  # as the first run does
                instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        with daemon(project), Sampler(base) as sampler:
            sleep_until(due - timedelta(seconds=COMMAND_S))
            run = ("run", "--profile", parts.PROFILE, "--no-confirm")
            people = {
                "anna, run --wait 10m": project.start(*run, "--wait", "10m", **lock),
                "cleo, of another project, run --wait 10m": other.start(*run, "--wait", "10m", **lock),
            }
            sleep_until(due - timedelta(seconds=BEFORE_S))
            ask_for_confirmation(project)
            project.call("deploy", "--target", "second", "--revision", "1.1.0", **lock)
            sleep_until(due + timedelta(seconds=6))
            people["ben, run"] = project.start(*run, **lock)
            said = {who: cli_parts.said(process) for who, process in people.items()}
            parts.wait_until(lambda: over(project), END_S)
        report(project, other, due, said, sampler)


def over(project: cli_parts.Project) -> bool:
    with DagsterInstance.get() as instance, project.store() as store:
        dagster = instance.get_runs()
        return len(dagster) >= EXPECTED and all(run.is_finished for run in dagster) and not [
            run for run in store.list_runs() if run.outcome is None
        ]  # fmt: skip


EXPECTED = 5  # confirmation, deploy, nightly, anna, ben; the twin coalesces or is a sixth


def report(
    project: cli_parts.Project,
    other: cli_parts.Project,
    due: datetime,
    said: dict[str, cli_parts.Said],
    sampler: Sampler,
) -> None:
    print(
        f"{sum(sampler.counts.values())} samples, {SAMPLE_EVERY_S * 1000:.0f} ms apart; k6 processes at once:"
    )
    for processes, times in sorted(sampler.counts.items()):
        print(f"  {processes}: {times} samples")
    print(f"\nseconds after {due:%H:%M:%S} UTC\n")
    print("| who | priority | launched | left Dagster's queue | began | ended | outcome |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with (
        DagsterInstance.get() as instance,
        project.store() as store,
        Store(other.environment()[names.ENV_STORE_URL]) as theirs,
    ):
        stored = {run.run_id: run for run in (*store.list_runs(), *theirs.list_runs())}
        rows = [
            row(run, stored[run.run_id], instance, due) for run in instance.get_runs() if run.run_id in stored
        ]
        rows += [row(None, run, instance, due) for run in theirs.list_runs()]
        for line in sorted(rows, key=lambda cells: cells[4]):
            print(f"| {' | '.join(str(cell) for cell in line)} |")
        print("\nRuns that measured nothing:\n")
        for run in stored.values():
            if run.outcome in (Outcome.NOT_READY, Outcome.CANCELLED, Outcome.LOST):
                print(f"- {run.launched_by} on {run.target}: {run.sentence}")
        print("\nTicks that started nothing, within a minute:\n")
        for line in sorted(skipped(instance, due)):
            print(f"- {line}")
    print("\nWhat people were told:\n")
    for who, words in said.items():
        for line in (*words.err.splitlines(), *words.out.splitlines()[:1]):
            if "waits" in line or "not_ready" in line or line == words.out.splitlines()[0]:
                print(f"- {who} (exit {words.code}): {line}")


def skipped(instance: DagsterInstance, due: datetime) -> set[str]:
    """What schedules and the sensors of deploys and confirmations said."""
    return {
        f"{state.instigator_name}: {tick.skip_reason}"
        for state in instance.all_instigator_state()
        if state.instigator_name not in ("archive_sensor", "housekeeping_sensor")
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
        if tick.skip_reason and abs(tick.timestamp - due.timestamp()) < 60
    }


def row(run: DagsterRun | None, stored: StoredRun, instance: DagsterInstance, due: datetime) -> list[object]:
    launched: object = ""
    left: object = "has none"
    priority: object = 0
    if run is not None:
        record = instance.get_run_record_by_id(run.run_id)
        assert record is not None
        launched = f"{(record.create_timestamp - due).total_seconds():+.1f}"
        priority = run.tags.get("dagster/priority", 0)
        starting = instance.all_logs(run.run_id, of_type={DagsterEventType.PIPELINE_STARTING})
        left = f"{starting[0].timestamp - due.timestamp():+.1f}" if starting else "never in it"
    began = (stored.started_at - due).total_seconds()
    ended = (stored.ended_at - due).total_seconds() if stored.ended_at else None
    who = f"{stored.launched_by} on {stored.target}"
    return [
        who,
        priority,
        launched,
        left,
        f"{began:+07.1f}",
        f"{ended:+.1f}",
        stored.outcome.value if stored.outcome else "",
    ]


if __name__ == "__main__":
    main()
