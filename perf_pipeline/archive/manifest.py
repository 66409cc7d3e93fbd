"""What an archive holds: every file with its hash, and enough of the run to list it without opening more.

``manifest.json`` is written last. ``manifest.sha256`` beside it holds its hash in the form that ``sha256sum
--check`` reads, so that a damaged manifest is found without the store, too. Plain JSON types, not those of
the judge: an archive must be listed and verified by a version that judges differently.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from perf_pipeline.archive.errors import ArchiveError, refuse_other_schema
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.model import RunRecord
from perf_pipeline.store.values import StoredRun

MANIFEST = "manifest.json"
MANIFEST_HASH = "manifest.sha256"
SCHEMA = "perf-pipeline/archive"
SCHEMA_VERSION = 1  # raised when a reader of the old form would misread the new one


_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def inside(path: str) -> str:
    """A path that leads out of the archive's folder would write there when it is restored.

    Raises ValueError, also for a name that is no text.
    """
    parts = path.split("/")  # much faster than a Path: a list of archives asks for each of their files
    if path.startswith("/") or "\\" in path or ".." in parts or not {*parts} - {"", "."}:
        raise ValueError(f"{path!r} leads out of the archive")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{path!r} is no text in UTF-8") from None
    return path


def one_name(run_id: str) -> str:
    """It names folders, which are written and removed. Raises ValueError."""
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"{run_id!r} is no id of a run")
    return run_id


FilePath = Annotated[str, AfterValidator(inside)]  # inside the archive, with slashes
RunId = Annotated[str, AfterValidator(one_name)]


class FileEntry(Frozen):
    sha256: str
    bytes: int


class Tools(Frozen):
    """Versions of what made the run and its archive; None: it was not used, or nobody said."""

    perf_pipeline: str
    python: str
    dagster: str
    k6: str | None
    prometheus: str | None


class Manifest(Frozen):
    schema_name: str = SCHEMA
    schema_version: int = SCHEMA_VERSION
    run_id: RunId
    suite: str
    target: str
    profile: str
    outcome: str
    sentence: str
    revision: str | None
    launched_by: str
    note: str
    deploy: dict[str, Any] | None  # that started the run
    started_at: datetime
    ended_at: datetime | None
    archived_at: datetime
    fingerprint_key: str | None  # None: nothing was measured
    fingerprint: dict[str, Any] | None
    host_class: str | None
    verdicts: dict[str, str]  # endpoint -> verdict against the baseline; empty: nothing was measured
    tools: Tools
    files: dict[FilePath, FileEntry]  # all but the manifest and its hash

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files.values())


def manifest_of(
    run: StoredRun, record: RunRecord | None, files: Mapping[str, FileEntry], at: datetime
) -> Manifest:
    """``record`` None: the run was not measured."""
    fingerprint = record.load.fingerprint if record else None
    endpoints = record.comparison.judgement.endpoints if record else {}
    return Manifest(
        run_id=run.run_id,
        suite=run.suite,
        target=run.target,
        profile=run.profile,
        outcome=run.outcome.value if run.outcome else "",
        sentence=run.sentence,
        revision=run.revision,
        launched_by=run.launched_by,
        note=run.note,
        deploy=run.deploy.model_dump(mode="json") if run.deploy else None,
        started_at=run.started_at,
        ended_at=run.ended_at,
        archived_at=at,
        fingerprint_key=run.fingerprint_key,
        fingerprint=fingerprint.model_dump(mode="json") if fingerprint else None,
        host_class=fingerprint.host_class if fingerprint else None,
        verdicts={name: one.verdict.value for name, one in endpoints.items()},
        tools=Tools(
            perf_pipeline=version("perf-pipeline"),
            python=platform.python_version(),
            dagster=version("dagster"),
            k6=record.load.k6_version if record else None,
            prometheus=record.stack.prometheus_version if record else None,
        ),
        files=dict(sorted(files.items())),
    )


def render(manifest: Manifest) -> bytes:
    """The file's content."""
    return (manifest.model_dump_json(indent=1) + "\n").encode()


def hash_file(manifest: bytes) -> bytes:
    """Content of ``manifest.sha256`` for this ``manifest.json``."""
    return f"{sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def read(content: bytes, where: str) -> Manifest:
    """``where``: for the sentence. Raises ArchiveError for what is no manifest that this version reads."""
    try:
        found = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "as a whole"
        raise ArchiveError(
            f"{where}/{MANIFEST} cannot be read ({place}: {first['msg']}): it is damaged, or from a newer "
            "perf-pipeline; `perf-pipeline archive verify` says which."
        ) from None
    read_as = found.schema_name, found.schema_version
    refuse_other_schema(read_as, (SCHEMA, SCHEMA_VERSION), f"{where}/{MANIFEST}")
    return found
