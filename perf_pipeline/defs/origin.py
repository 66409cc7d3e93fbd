"""How a run that this process starts names its code, so that the UI knows it for a run of its code location.

The webserver builds these origins from workspace.yaml; so do we, with Dagster's own reader of that file but
without the code server (2 s) that `dagster job launch` starts to ask for them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dagster import JobDefinition
from dagster._core.code_pointer import CodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.workspace.load import location_origin_from_module_name, location_origins_from_yaml_paths

WORKSPACE_FILE = "workspace.yaml"
LOCATION_NAME = "perf-pipeline"
MODULE = "perf_pipeline.definitions"
ATTRIBUTE = "defs"


def reconstructable_job(name: str) -> ReconstructableJob:
    """The job by reference, as a code server of this environment would name it."""
    repository = ReconstructableRepository(
        CodePointer.from_module(MODULE, ATTRIBUTE, None),
        executable_path=sys.executable,
        entry_point=DEFAULT_DAGSTER_ENTRY_POINT,
    )
    return repository.get_reconstructable_job(name)


def remote_origin(root: Path, job: JobDefinition, repository_name: str) -> RemoteJobOrigin:
    """The job's origin as the webserver builds it from ``<root>/workspace.yaml``, or from the same here."""
    origin = _location_in(root / WORKSPACE_FILE) or location_origin_from_module_name(
        MODULE, ATTRIBUTE, working_directory=None, location_name=LOCATION_NAME
    )
    return RemoteJobOrigin(RemoteRepositoryOrigin(origin, repository_name), job.name)


def _location_in(workspace: Path) -> ManagedGrpcPythonEnvCodeLocationOrigin | None:
    if not workspace.is_file():
        return None
    for origin in location_origins_from_yaml_paths([str(workspace)]):
        if (
            isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin)
            and origin.loadable_target_origin.module_name == MODULE
        ):
            return origin
    return None
