"""What the scenario is: a hash over every file that k6 reads to run it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from perf_pipeline.conventions import SUITE_FILE, SUITE_JSON
from perf_pipeline.suite import Suite

LIBRARY = "lib"  # beside the suite's folder: k6/lib, shared by all suites
_PLAN = {SUITE_FILE, SUITE_JSON}  # the plan has a hash of its own; objectives may change without it


def script_hash(suite: Suite) -> str:
    """Equal exactly when the scenario, the shared library and the fixtures are."""
    digest = sha256()
    library = suite.folder.parent / LIBRARY
    for root, label in ((suite.folder, "suite"), (library, LIBRARY)):
        for path in files_of(root):
            if path.parent == root and path.name in _PLAN:
                continue
            content = path.read_bytes()
            digest.update(f"{label}/{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def files_of(root: Path) -> list[Path]:
    """What a suite, or the library, is made of: its plan, scenario and fixtures, but no notes."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.suffix != ".md"
    )
