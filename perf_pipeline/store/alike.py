"""The runs that pass for identical: valid, under one fingerprint, and with nothing found to be slower."""

from __future__ import annotations

from dataclasses import dataclass

from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import VALID
from perf_pipeline.core.wording import count
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun

LOOKED_AT = 200  # newest runs of the suite, target and profile
MOST_RUNS = 60  # a year's worth says nothing of the machine of today


@dataclass(frozen=True)
class Alike:
    fingerprint_key: str | None  # None: there is no valid run
    runs: list[StoredRun]  # oldest first
    left_out: list[str]  # one sentence for each kind of run that was left out


def alike_runs(store: Store, suite: str, target: str, profile: str) -> Alike:
    """Under the fingerprint of the newest valid run. Raises StoreError."""
    newest = store.list_runs(suite=suite, target=target, profile=profile, limit=LOOKED_AT)
    valid = [run for run in newest if run.outcome in VALID]
    if not valid:
        return Alike(None, [], [])
    key = valid[0].fingerprint_key
    under = [run for run in valid if run.fingerprint_key == key]
    slower = [run.run_id for run in under if _found_slower(store, run)]
    same = [run for run in under if run.run_id not in slower][:MOST_RUNS]
    return Alike(key, same[::-1], _left_out(len(valid) - len(under), len(slower)))


def _found_slower(store: Store, run: StoredRun) -> bool:
    """A breached objective is what a run ends as even when an endpoint regressed, too."""
    verdicts = store.record(run.run_id).comparison.judgement.endpoints.values()
    return any(one.verdict is Verdict.REGRESSED for one in verdicts)


def _left_out(other: int, slower: int) -> list[str]:
    said = []
    if other:
        said.append(f"{count(other, 'valid run')} under other fingerprints: made in another way")
    if slower:
        said.append(f"{count(slower, 'run')} in which something regressed")
    return said
