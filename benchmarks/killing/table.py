"""RESULTS.md from the results of kill.py: ``python benchmarks/killing/table.py FOLDER... > RESULTS.md``."""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HEADER = """# Kill -9, over and over

One run after the other in a real Dagster (daemon, webserver, code servers), its storage and the store on a
real PostgreSQL. In each one part is killed with -9 at a random moment between launch and end. Dagster's
daemon and PostgreSQL are started again, at once or after some seconds, as an init system does it; nobody else
does anything. Then everything is looked at: see `checks.py`.

    python benchmarks/killing/kill.py FOLDER
    python benchmarks/killing/table.py FOLDER > benchmarks/killing/RESULTS.md

"""
MOST_SAID = 220
VICTIMS = ("k6", "prometheus", "worker", "daemon", "postgres")
CHECKED = """
Checked after each kill: no k6, Prometheus, control or backend of the run is alive; no note of a process, no
half file and no half archive is left; nobody holds the host's lock; no run counts as running in the store or
in Dagster (nor holds the pool's place: the next run begins); store and Dagster say how the run ended and
agree; every member of a baseline is a run that was measured, is valid and says so itself. *not begun*: the
run died before its first step; Dagster has it as a failure, the store never knew it.

A launch that is answered with an error, because the database was away at that moment, leaves a run
NOT_STARTED in Dagster: nothing was started and it holds no place; run monitoring fails it after 180 s, which
is looked at when all kills are over.
"""


def main(folders: list[str]) -> None:
    entries = [
        json.loads(line) for one in folders for line in (Path(one) / "kills.jsonl").read_text().splitlines()
    ]
    kills = sorted(
        (one for one in entries if one["victim"] in VICTIMS),
        key=lambda one: (VICTIMS.index(one["victim"]), one["number"]),
    )
    print(HEADER + _head("killed", "times", "while", "ended as", "settled after, s", "problems"))
    for victim in VICTIMS:
        print(_summary(victim, [one for one in kills if one["victim"] == victim]))
    print(CHECKED + _after_all(entries) + "\n## Each of them\n")
    print(_head("killed", "at, s", "while", "store", "Dagster", "settled after, s", "problems"))
    for one in kills:
        problems = "; ".join(one["problems"]) or "none"
        cells = [
            one["victim"],
            one["moment_s"],
            _phase(one),
            one["outcome"],
            one["dagster"],
            one["settled_s"],
            problems,
        ]
        print("| " + " | ".join(str(cell) for cell in cells) + " |")
    print("\n## What is said\n")
    for victim, sentence in _sentences(kills):
        print(f"- {victim}: {sentence}")


def _after_all(entries: list[dict[str, Any]]) -> str:
    last = next((one for one in entries if one["victim"] == "after all"), None)
    if last is None:
        return ""
    in_dagster = last["runs_in_dagster"]
    return (
        f"\nAfter all of it: {last['runs']} runs in the store and {in_dagster} in Dagster, every "
        f"one with an end; {last['members']} in the baseline; {last['archives']} archives. "
        f"Problems: {'; '.join(last['problems']) or 'none'}.\n"
    )


def _head(*titles: str) -> str:
    return f"| {' | '.join(titles)} |\n{'| --- ' * len(titles)}|"


def _summary(victim: str, kills: list[dict[str, Any]]) -> str:
    if not kills:
        return f"| {victim} | 0 | | | | |"
    settled = [one["settled_s"] for one in kills]
    cells = [
        victim,
        len(kills),
        _counted(_phase(one) for one in kills),
        _counted(one["outcome"] for one in kills),
        f"{statistics.median(settled):.0f}, at most {max(settled):.0f}",
        sum(len(one["problems"]) for one in kills),
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _phase(one: dict[str, Any]) -> str:
    return str(one["phase"]) if one["killed"] else "had ended"


def _counted(words: Any) -> str:
    return ", ".join(f"{number} {word}" for word, number in Counter(words).most_common())


def _sentences(kills: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """One of each kind, without what differs from run to run."""
    found: dict[tuple[str, str], str] = {}
    for one in kills:
        for sentence in (one["sentence"], *one["notices"]):
            if sentence and not sentence.startswith("passed"):
                kind = re.sub(r"[0-9a-f-]{36}|\d+", "", sentence)[:24]
                found.setdefault(
                    (one["victim"], kind), re.sub(r"/\S+/runs/", ".../runs/", sentence)[:MOST_SAID]
                )
    return [(victim, sentence) for (victim, _), sentence in found.items()]


if __name__ == "__main__":
    main(sys.argv[1:])
