"""Compare libraries for reading raw samples side by side and write RESULTS.md.

python benchmarks/samples/compare.py [REQUESTS]      (default: 1 million, some minutes)
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from generate import ROWS_PER_REQUEST, generate  # noqa: E402 - the folder is no package

ROUNDS = 3
TIMEOUT_S = 900
LIBRARY = {"polars_blocks": "polars", "polars_scan": "polars", "pyarrow": "pyarrow", "duckdb": "duckdb"}
WAY = {
    "polars_blocks": "blocks of 16 MB, `read_csv` each (the pipeline's reader)",
    "polars_scan": "`scan_csv`, streaming engine",
    "pyarrow": "`csv.open_csv`, batch by batch",
    "duckdb": "one SQL statement",
}


CHOICE = """\
**Choice: polars, inflating by ourselves.** polars parses fastest in the least memory. Its own scan is faster
still, but like the others it refuses a file that was cut off. That is what a killed k6 leaves behind, and
what such a run measured has to be read as far as it goes. One way for both cases is worth more than the
difference: an hour at 50 requests/s (180,000 requests) is read in about a second either way."""


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "k6-samples.csv.gz"
        generate(path, requests)
        megabytes = path.stat().st_size / 1e6
        best: dict[str, dict[str, Any]] = {}
        for _ in range(ROUNDS):  # in turn, so that a noisy minute hits all of them
            for reader in LIBRARY:
                result = _measure(reader, path)
                if reader not in best or result["seconds"] < best[reader]["seconds"]:
                    best[reader] = result
        cut = Path(folder) / "cut.csv.gz"
        cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        survives = {reader: _run(reader, cut).returncode == 0 for reader in LIBRARY}
    _agree(best)
    text = _table(best, survives, requests, megabytes)
    print(text)
    (HERE / "RESULTS.md").write_text(text)


def _run(reader: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(HERE / "readers.py"), reader, str(path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env=os.environ | {"PYTHONPATH": str(HERE.parent.parent)},
    )


def _measure(reader: str, path: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    done = _run(reader, path)
    if done.returncode != 0:
        sys.exit(f"{reader} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    print(f"{reader}: {result['seconds']:.1f} s, {time.perf_counter() - begun:.1f} s with start", flush=True)
    return result


def _agree(best: dict[str, dict[str, Any]]) -> None:
    reference = best["polars_blocks"]["quantiles"]
    for reader, result in best.items():
        for endpoint, (count, p50, p95) in result["quantiles"].items():
            expected = reference[endpoint]
            assert count == expected[0], (reader, endpoint, count, expected)
            assert abs(p50 - expected[1]) < 1e-6, (reader, endpoint)
            assert abs(p95 - expected[2]) < 1e-6, (reader, endpoint)


def _table(
    best: dict[str, dict[str, Any]], survives: dict[str, bool], requests: int, megabytes: float
) -> str:
    rows = requests * ROWS_PER_REQUEST
    lines = [
        "# Reading k6's raw samples",
        "",
        f"{requests:,} requests, {rows:,} rows, {megabytes:.0f} MB compressed, to p50 and p95 per endpoint; "
        f"best of {ROUNDS}, each in a process of its own. All agree on counts and quantiles.",
        "",
        f"Machine: {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}. "
        "Made by `python benchmarks/samples/compare.py`.",
        "",
        "| library | way | seconds | rows/s | peak memory | file cut off in the middle |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for reader, result in sorted(best.items(), key=lambda item: item[1]["seconds"]):
        name = f"{LIBRARY[reader]} {version(LIBRARY[reader])}"
        speed = rows / result["seconds"] / 1e6
        lines.append(
            f"| {name} | {WAY[reader]} | {result['seconds']:.1f} | {speed:.2f} M "
            f"| {result['peak_mb']:.0f} MB | {'read to there' if survives[reader] else 'refused'} |"
        )
    lines += ["", CHOICE]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
