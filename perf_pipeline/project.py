"""Where things lie: the project's root, the home folder of everything written, the tools, the store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from perf_pipeline.conventions import (
    ARCHIVE_FOLDER,
    DEFAULT_HOME,
    ENV_ARCHIVE,
    ENV_HOME,
    ENV_ROOT,
    ENV_STORE_URL,
    ENV_TOOLS,
    STORE_FILE,
)


class ProjectError(Exception):
    """No project was found, or it cannot be used; the text is one sentence that says what to do."""


@dataclass(frozen=True)
class Project:
    """A folder that holds ``k6/<suite>/suite.yaml``, and where its results go."""

    root: Path
    home: Path  # runs, store, Prometheus' data, Dagster's storage; never committed
    tools: Path  # programs that the pipeline installed for itself
    store_url: str

    @property
    def archive_url(self) -> str:
        """Folder or URL of the archives."""
        return os.environ.get(ENV_ARCHIVE) or str(self.home / ARCHIVE_FOLDER)

    def run_folder(self, run_id: str) -> Path:
        return run_folder(self.home, run_id)

    def make_home(self) -> None:
        """Make the home folder, if it is not there. Raises ProjectError when nothing can be written to it."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
            raise ProjectError(self._no_home(why)) from error
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise ProjectError(self._no_home("it is not writable"))

    def _no_home(self, why: str | None) -> str:
        return f"results cannot be kept in {self.home} ({why}): name a folder of yours in {ENV_HOME}."


def run_folder(home: Path, run_id: str) -> Path:
    """Where a run keeps all its files."""
    return home / "runs" / run_id


def find_project(start: Path | None = None) -> Project:
    """The project of ``PERF_PIPELINE_ROOT``, else the nearest folder with a ``k6``, from ``start`` upwards.

    Raises ProjectError.
    """
    named = os.environ.get(ENV_ROOT)
    root = Path(named).resolve() if named else _search((start or Path.cwd()).resolve())
    if root is None or not (root / "k6").is_dir():
        where = f"{ENV_ROOT}={named}" if named else f"{start or Path.cwd()} or above it"
        raise ProjectError(
            f"no folder 'k6' with suites in {where}: go to the project, or set {ENV_ROOT} to its folder."
        )
    home = Path(os.environ.get(ENV_HOME) or root / DEFAULT_HOME).resolve()
    tools = Path(os.environ.get(ENV_TOOLS) or root / ".tools").resolve()
    store_url = os.environ.get(ENV_STORE_URL) or f"sqlite:///{home / STORE_FILE}"
    return Project(root=root, home=home, tools=tools, store_url=store_url)


def _search(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / "k6").is_dir():
            return folder
    return None
