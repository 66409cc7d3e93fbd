"""What the steps hand to each other, stored once per benchmark as JSON.

A *benchmark* is one execution of the load. Its id is the id of the Dagster run in which ``monitoring_stack``
ran; a re-execution of later steps belongs to the benchmark of its parent, and reads and writes its values.
(Dagster's own file store keeps one value per asset: a second run would read the first one's.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from dagster import DagsterInstance, DagsterRun, Failure, InputContext, IOManager, OutputContext

from perf_pipeline.conventions import VALUES_FOLDER
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.defs.naming import FIRST_STEP, step_name
from perf_pipeline.files import write_whole
from perf_pipeline.project import run_folder

Value = TypeVar("Value", bound=Frozen)


def benchmark_id(instance: DagsterInstance, run: DagsterRun) -> str:
    """Id of the benchmark that a Dagster run belongs to: its own, or that of the run it re-executes."""
    while run.step_keys_to_execute is not None and FIRST_STEP not in map(step_name, run.step_keys_to_execute):
        parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
        if parent is None:
            break
        run = parent
    return run.run_id


def suites_begun_by(run: DagsterRun) -> list[str]:
    """The suites of which a Dagster run begins a benchmark; more than one would share its id."""
    return sorted(
        key.rpartition("__")[0] for key in run.step_keys_to_execute or () if step_name(key) == FIRST_STEP
    )


def value_path(home: Path, benchmark: str, asset: str) -> Path:
    return run_folder(home, benchmark) / VALUES_FOLDER / f"{asset}.json"


def read_value(home: Path, benchmark: str, asset: str, model: type[Value]) -> Value | None:
    """None when that step has not left a value. Raises pydantic's ValidationError for one that is damaged."""
    try:
        text = value_path(home, benchmark, asset).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return model.model_validate_json(text)


class ValuesByBenchmark(IOManager):
    """Stores every value as ``<home>/runs/<benchmark id>/values/<asset>.json``."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def handle_output(self, context: OutputContext, obj: Frozen) -> None:
        path = value_path(self._home, _benchmark(context), context.asset_key.path[-1])
        write_whole(path, obj.model_dump_json(indent=1))

    def load_input(self, context: InputContext) -> Any:
        benchmark, asset = _benchmark(context), context.asset_key.path[-1]
        value = read_value(self._home, benchmark, asset, context.dagster_type.typing_type)
        if value is None:
            raise Failure(
                f"run {benchmark} has no value of {asset}: this step cannot run on its own; start the job, "
                "or re-execute a run from the step that failed.",
                allow_retries=False,
            )
        return value


def _benchmark(context: OutputContext | InputContext) -> str:
    step = context.step_context
    return benchmark_id(step.instance, step.dagster_run)
