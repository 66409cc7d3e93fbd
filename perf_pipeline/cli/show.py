"""``perf-pipeline show``: one run again, as its end was printed."""

from __future__ import annotations

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.past import suite_as_recorded, suite_today
from perf_pipeline.cli.shared import (
    LAST,
    JsonOption,
    RunArgument,
    find_run,
    open_store,
    print_json,
    print_record,
)
from perf_pipeline.project import find_project


def show(
    run: RunArgument = LAST,
    as_json: JsonOption = False,
) -> None:
    """Show again what a run found.

    Its outcome, every endpoint, the comparison with its baseline, and where its report lies.
    """
    project = find_project()
    with open_store(project) as store:
        found = find_run(store, run)
        record = store.record(found.run_id) if found.measured else None
    if as_json:
        print_json(
            {
                "run": found.model_dump(mode="json"),
                "record": record.model_dump(mode="json") if record else None,
            }
        )
    elif record is not None:
        print_record(project, record, suite_today(project, record) or suite_as_recorded(record))
    else:
        does = f"waits ({found.waits})" if found.waits else "is running"
        print(
            as_called(found.sentence)
            or f"run {found.run_id} {does}, since {found.started_at:%Y-%m-%d %H:%M:%S} UTC."
        )
