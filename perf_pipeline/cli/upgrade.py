"""``perf-pipeline upgrade``: what is stored, brought to this version; made where there is nothing yet."""

from __future__ import annotations

from perf_pipeline.cli.shared import open_store
from perf_pipeline.project import find_project


def upgrade() -> None:
    """Make the store and Dagster's storage, or bring them up to date.

    Run it after an update, with the daemon stopped and after `perf-pipeline backup`: an older version does
    not read what a newer one has migrated.
    """
    from dagster import DagsterInstance  # noqa: PLC0415 - takes 2 s to import

    from perf_pipeline.defs.instance import prepare_dagster_home  # noqa: PLC0415 - as above

    project = find_project()
    project.make_home()
    with open_store(project) as store:
        print(f"store: {store.where}")
    folder = prepare_dagster_home(project.home)
    with DagsterInstance.from_config(str(folder)) as instance:
        instance.upgrade()
    print(f"Dagster's storage: {folder}")
