"""The recorded runs: what was planned, and how they lie in files.

A folder holds ``runs.csv.gz`` (run, endpoint, t_ms, duration_ms, ok; ``t_ms`` is the start of the request
since the run's first) and ``plan.json`` (one entry per run, in the order of the recording). The outside
scorer of regression judges reads the same two files.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from perf_pipeline.core.model import RunSamples, Samples

FOLDER = Path(__file__).parent / "recorded"
PLAN, RUNS = "plan.json", "runs.csv.gz"
COLUMNS = ["run", "endpoint", "t_ms", "duration_ms", "ok"]
SAME = "aa"
ALL = "*"


@dataclass(frozen=True)
class Recorded:
    """One run: what was done to it, and what the pipeline said of its measurement."""

    id: str
    label: str  # of its case; ``aa``: identical to all other ``aa``
    faults: str = ""  # of the reference backend, see perf_pipeline/demo/faults.py
    injected: Mapping[str, Any] = field(default_factory=dict)  # endpoint, kind, factor or share
    burners: int = 0  # processes that ate CPU while it was loaded
    meant_valid: bool = True  # False: a case that a pipeline must not let pass
    valid: bool = True  # it was meant to be good, and its plan was kept
    reasons: tuple[str, ...] = ()  # why the pipeline would not judge it, or calls an objective breached
    cpu: float | None = None  # of the machine, as a share of all cores
    started: str = ""


def planned(seed: int, *, same: int, each: int, spoilt: int) -> list[Recorded]:
    """All runs in shuffled order: what the machine does over an hour meets all cases alike."""
    cases = [
        ("recommendations_120", "slow=get_recommendations:20%", _scaled("get_recommendations", 1.2)),
        ("game_data_110", "slow=get_game_data:10%", _scaled("get_game_data", 1.1)),
        ("join_150", "slow=join_room:50%", _scaled("join_room", 1.5)),
        (
            "tail",
            "tail=get_game_data:8%:200%",
            {"endpoint": "get_game_data", "kind": "tail", "share": 0.08, "factor": 3.0},
        ),
        ("all_120", "slow=*:20%", _scaled(ALL, 1.2)),
    ]
    runs = [Recorded("", SAME)] * same
    runs += [Recorded("", label, faults, injected) for label, faults, injected in cases] * each
    runs += [
        Recorded("", "cpu_eaten", burners=8, meant_valid=False),
        Recorded("", "failing", "fail=get_news:30%", meant_valid=False),
        Recorded("", "stalled", "stall=8s:3s", meant_valid=False),
    ] * spoilt
    random.Random(seed).shuffle(runs)
    return [replace(run, id=f"r{number:02d}") for number, run in enumerate(runs, 1)]


def _scaled(endpoint: str, factor: float) -> dict[str, Any]:
    return {"endpoint": endpoint, "kind": "scale", "factor": factor}


def write(folder: Path, runs: Iterable[tuple[Recorded, RunSamples]], about: Mapping[str, Any]) -> None:
    """Both files, byte for byte the same for the same runs. ``about``: how they were recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    with (
        (folder / RUNS).open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        io.TextIOWrapper(packed, newline="") as text,
    ):
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for run, samples in runs:
            entries.append(asdict(run))
            for name, one in samples.items():
                for t, duration, ok in zip(one.t_ms, one.duration_ms, one.ok, strict=True):
                    rows.writerow([run.id, name, f"{t:.0f}", f"{duration:.3f}", int(ok)])
    (folder / PLAN).write_text(json.dumps({**about, "runs": entries}, indent=1) + "\n")


def read(folder: Path = FOLDER) -> list[tuple[Recorded, RunSamples]]:
    """The runs in the order of the recording. Raises FileNotFoundError."""
    rows: dict[tuple[str, str], list[tuple[float, float, bool]]] = defaultdict(list)
    with gzip.open(folder / RUNS, "rt", newline="") as file:
        for row in csv.DictReader(file):
            key = row["run"], row["endpoint"]
            rows[key].append((float(row["t_ms"]), float(row["duration_ms"]), row["ok"] == "1"))
    samples: dict[str, dict[str, Samples]] = defaultdict(dict)
    for (run, endpoint), values in rows.items():
        t, duration, ok = zip(*values, strict=True)
        samples[run][endpoint] = Samples(np.array(t), np.array(duration), np.array(ok, dtype=np.bool_))
    entries = [Recorded(**entry) for entry in json.loads((folder / PLAN).read_text())["runs"]]
    return [(entry, samples[entry.id]) for entry in entries]
