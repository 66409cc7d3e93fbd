"""``perf-pipeline compare``: two runs, judged against each other."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from perf_pipeline.cli.past import suite_today
from perf_pipeline.cli.shared import (
    JsonOption,
    RefusedError,
    RunArgument,
    find_run,
    open_store,
    print_json,
    samples_of,
)
from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.model import RunRecord
from perf_pipeline.project import find_project
from perf_pipeline.suite import VerdictSettings

if TYPE_CHECKING:
    from perf_pipeline.store.repository import Store


def compare(
    before: RunArgument,
    after: RunArgument,
    as_json: JsonOption = False,
) -> None:
    """Compare run AFTER with run BEFORE, endpoint by endpoint.

    Both must have been made the same way.
    """
    from perf_pipeline.core.verdict import compare as judge  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.terminal import print_compare  # noqa: PLC0415 - keeps `--help` fast

    project = find_project()
    with open_store(project) as store:
        first, second = _measured(store, before), _measured(store, after)
    differences = second.load.fingerprint.differences(first.load.fingerprint)
    if differences:
        raise RefusedError(
            f"these runs cannot be compared, they were not made the same way: {'; '.join(differences)}."
        )
    old, new = samples_of(project, first), samples_of(project, second)
    for record, samples in ((first, old), (second, new)):
        if samples is None:
            raise RefusedError(
                f"the raw samples of run {record.stack.run_id} are gone from {record.stack.run_folder}."
            )
    suite = suite_today(project, second)
    if suite is None:
        name = second.load.fingerprint.suite
        print(f"suite {name} cannot be read: judged with the usual tolerances.", file=sys.stderr)
    judgement = judge(
        [old or {}],
        [new or {}],
        suite.verdict if suite else VerdictSettings(),
        control=CONTROL,
        most_runs=1,
    )
    if as_json:
        print_json(
            {
                "before": first.stack.run_id,
                "after": second.stack.run_id,
                "judgement": judgement.model_dump(mode="json"),
            }
        )
    else:
        print_compare(first, second, judgement)


def _measured(store: Store, prefix: str) -> RunRecord:
    run = find_run(store, prefix)
    if not run.measured:
        raise RefusedError(
            f"run {run.run_id} was not measured ({run.outcome or 'running'}): there is nothing to compare."
        )
    return store.record(run.run_id)
