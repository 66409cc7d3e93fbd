"""Write docs/evidence.md from the home folder that ``benchmarks.main_job.evidence`` filled.

python -m benchmarks.main_job.document --home DIR > docs/evidence.md
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HEAD = """# Evidence: the main job on real parts

Made by `python -m benchmarks.main_job.evidence --home DIR`, then `python -m benchmarks.main_job.document`.
Every line is one `perf-pipeline run multiplayer` as a user would start it (profile `{profile}`, k6 {k6},
Prometheus {prometheus}, the reference backend, all on one shared machine of 2 cores), one after the other in
one store. Processes left behind after any run: {left}. The words are those of the
judge of that day: docs/verdict.md has the present one and what is measured of it.

## What happened, and what was said
"""
RECONCILED = """
## Prometheus against the raw samples

Run `{run}`, the last identical one: exact quantiles of k6's raw samples beside those of Prometheus' native
histograms (buckets 9 % wide), milliseconds; counts of the measured phase.

| endpoint | p50 exact | p50 Prometheus | p95 exact | p95 Prometheus | requests exact | Prometheus |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True)
    home = parser.parse_args().home
    results = json.loads((home / "evidence.json").read_text())
    last = next(result for result in reversed(results) if result["case"].startswith("identical"))
    folder = next((home / "runs").glob(f"{last['run']}*"))
    record = json.loads((folder / "report.json").read_text())["run"]
    stack = record["stack"]
    left = sorted({name for result in results for name in result["left_behind"]})
    print(
        HEAD.format(
            profile=stack["request"]["profile"],
            k6=record["load"]["k6_version"],
            prometheus=stack["prometheus_version"],
            left=", ".join(left) or "none",
        )
    )
    print("| case | exit | wall, s | what it said |\n| --- | ---: | ---: | --- |")
    for result in results:
        print(f"| {result['case']} | {result['exit']} | {result['wall_s']:.0f} | {result['sentence']} |")
    print(RECONCILED.format(run=last["run"]))
    for row in record["snapshot"]["reconciliation"]:
        print(
            f"| {row['endpoint']} | {row['exact_p50_ms']:.2f} | {row['prometheus_p50_ms']:.2f} "
            f"| {row['exact_p95_ms']:.2f} | {row['prometheus_p95_ms']:.2f} "
            f"| {row['exact_succeeded']} | {row['prometheus_succeeded']} |"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
