"""Record identical and slowed runs of the reference backend, with the pipeline's own parts.

    python -m benchmarks.verdict.record --home DIR [--runs N] [--again [CASE ...]] [--shared-machine]

Every run brings up its own Prometheus, control and reference backend (a fresh process, rooms and players made
anew), loads it for half a minute and is judged valid or not, as `perf-pipeline run` does. The order of the
cases is shuffled. A recording that was interrupted goes on where it ended; the files are written when all
runs are there (46 take about half an hour), or those that `--runs` asks for.

`--again`: record those once more that were meant to be good and could not be judged, as a person would.
`--shared-machine`: others use this machine and cannot be stopped. A run that the pipeline would refuse for
nothing but a busy machine, although every planned request was sent, is kept as valid with its reason noted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.verdict.recording import FOLDER, Recorded, planned, write
from perf_pipeline.core.model import RunRequest, SloReport, StackState
from perf_pipeline.core.slo import slo_report
from perf_pipeline.load.probe import find_k6
from perf_pipeline.load.run import run_load
from perf_pipeline.load.samples import load_samples
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.prometheus.snapshot import take_snapshot
from perf_pipeline.stack.embedded import EmbeddedStack
from perf_pipeline.stack.target import probe_health, read_revision
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

ROOT = Path(__file__).parents[2]
SUITE, TARGET, PROFILE = "multiplayer", "local", "recording"
LOAD = "{warmup: 4s, rate: 10/s, duration: 25s, max_users: 50, min_samples: {p50: 50, p95: 150}}"
FAULTS = "PERF_DEMO_FAULTS"
ENTRY = "recorded.json"  # in a run's folder: it is complete
SEED = 4
SAME, EACH, SPOILT = 20, 4, 2
BUSY = "generator_cpu"
BURN = "while True: pass"
SPOILING = ("target_stalled", "target_lost", "circuit_breaker")  # breaches that leave samples out


def recording_suite(home: Path) -> Suite:
    """The project's suite with one more profile, in the home folder."""
    copy = home / "k6"
    shutil.copytree(ROOT / "k6", copy, dirs_exist_ok=True)
    file = copy / SUITE / "suite.yaml"
    file.write_text(file.read_text().replace("\nprofiles:\n", f"\nprofiles:\n  {PROFILE}: {LOAD}\n", 1))
    suite = load_suite(file)
    (copy / SUITE / "suite.json").write_text(suite_json(suite))
    return suite


@contextmanager
def burning(processes: int) -> Iterator[None]:
    """CPU that is not there for the generator; ends with us."""
    with ExitStack() as until:
        for _ in range(processes):
            burner = subprocess.Popen([sys.executable, "-c", BURN])
            until.callback(burner.wait)
            until.callback(burner.kill)
        yield


def record(run: Recorded, suite: Suite, home: Path, tools: Path, *, shared: bool) -> Recorded:
    """Load once, in place of an earlier try; ends everything that it started. Raises NotReady, LoadError.

    ``shared``: a busy machine alone spoils nothing.
    """
    folder = home / "under-way"  # an earlier try stays until this one is complete
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    os.environ[FAULTS] = run.faults
    stack = EmbeddedStack(home, tools)
    try:
        request = RunRequest(suite=SUITE, target=TARGET, profile=PROFILE, note=run.label)
        state = stack.start(
            suite=suite, request=request, run_id=f"{run.id}-{time.time():.0f}", run_folder=folder
        )
        with burning(run.burners):
            report, cpu = _loaded(suite, state, home)
    finally:
        stack.stop()
    said = [*report.invalid_reasons, *report.breaches]
    spoilt = {one.name for one in report.invalid_reasons} - ({BUSY} if shared else set())
    spoilt |= {one.name for one in report.breaches if one.name in SPOILING}
    done = replace(
        run,
        valid=run.meant_valid and not spoilt,
        reasons=tuple(f"{reason.name}: {reason.sentence}" for reason in said),
        cpu=cpu,
        started=started,
    )
    (folder / ENTRY).write_text(json.dumps(asdict(done)))
    shutil.rmtree(home / "runs" / run.id, ignore_errors=True)
    (home / "runs").mkdir(exist_ok=True)
    folder.rename(home / "runs" / run.id)
    return done


def known(home: Path, run: Recorded) -> Recorded | None:
    """What was recorded of it so far."""
    entry = home / "runs" / run.id / ENTRY
    if not entry.exists():
        return None
    found = json.loads(entry.read_text())
    return Recorded(**{**found, "reasons": tuple(found["reasons"])})


def refused(run: Recorded) -> bool:
    """The pipeline would not have judged it, although it was meant to be good."""
    return run.meant_valid and any(not reason.startswith("slo_breached") for reason in run.reasons)


def _loaded(suite: Suite, state: StackState, home: Path) -> tuple[SloReport, float | None]:
    target = suite.targets[TARGET]

    def ask() -> tuple[str | None, bool]:
        probe_health(state.base_url, target)
        return read_revision(state.base_url, target), True

    load = run_load(
        suite=suite, stack=state, k6=find_k6(), home=home, on_progress=lambda _: None, read_target=ask
    )
    samples = load_samples(Path(state.run_folder))
    snapshot = take_snapshot(suite=suite, stack=state, load=load, exact=samples)
    report = slo_report(
        suite=suite,
        profile=suite.profiles[PROFILE],
        stack=state,
        load=load,
        snapshot=snapshot,
        samples=samples,
    )
    return report, None if load.cpu is None else round(load.cpu.host_mean_ratio, 3)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--home", type=Path, required=True, help="folder of the runs; goes on with what is there"
    )
    parser.add_argument("--runs", type=int, help="record the first so many only (default: all)")
    parser.add_argument("--again", nargs="*", metavar="CASE", help="repeat good runs that were refused")
    parser.add_argument("--shared-machine", action="store_true", help="keep runs of a busy machine")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the recording is written to")
    args = parser.parse_args()
    home = args.home.resolve()
    tools = Path(os.environ.get("PERF_PIPELINE_TOOLS", ROOT / ".tools")).resolve()
    suite = recording_suite(home)
    done = []
    for run in planned(SEED, same=SAME, each=EACH, spoilt=SPOILT)[: args.runs]:
        found = known(home, run)
        again = args.again is not None and refused(found) if found else False
        if found is None or (again and run.label in (args.again or [run.label])):
            found = record(run, suite, home, tools, shared=args.shared_machine)
            said = "; ".join(found.reasons) or ("valid" if found.valid else "not valid by plan")
            print(f"{run.id} {run.label:20} CPU {found.cpu or 0:4.0%}  {said}", flush=True)
        done.append(
            found if args.shared_machine else replace(found, valid=found.valid and not refused(found))
        )
    about = {
        "about": "the project's reference backend, seven endpoints and the control, each run a fresh process",
        "load": LOAD,
        "seed": SEED,
    }
    write(args.folder, ((run, load_samples(home / "runs" / run.id)) for run in done), about)
    print(f"{len(done)} runs, {sum(run.valid for run in done)} valid, written to {args.folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
