"""``perf-pipeline ui``: Dagster's web page with everything that was run here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from perf_pipeline.cli.shared import RefusedError
from perf_pipeline.project import find_project

WORKSPACE = "workspace.yaml"


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Start Dagster's UI and daemon; Ctrl-C ends them."""
    from perf_pipeline.defs.instance import prepare_dagster_home  # noqa: PLC0415 - Dagster takes 2 s to import

    project = find_project()
    if not (project.root / WORKSPACE).is_file():
        raise RefusedError(f"no {WORKSPACE} in {project.root}: it tells Dagster which module to load.")
    project.make_home()
    prepare_dagster_home(project.home)
    print(f"Dagster's UI: http://127.0.0.1:{port} (Ctrl-C ends it)", flush=True)
    os.chdir(project.root)
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.execv(dagster, [dagster, "dev", "-w", WORKSPACE, "-h", "127.0.0.1", "-p", str(port)])  # noqa: S606
