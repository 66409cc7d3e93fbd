"""The manifest of an archive: what it lets in, and that it is read as it was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from perf_pipeline.archive import manifest as manifests
from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.archive.manifest import FileEntry, Manifest, Tools
from perf_pipeline.core.backoff import pause_after

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


def manifest(**overrides: object) -> Manifest:
    good: dict[str, object] = {
        "run_id": "run-1",
        "suite": "shop",
        "target": "local",
        "profile": "smoke",
        "outcome": "passed",
        "sentence": "passed",
        "revision": None,
        "launched_by": "tests",
        "note": "",
        "deploy": None,
        "started_at": AT,
        "ended_at": AT,
        "archived_at": AT,
        "fingerprint_key": None,
        "fingerprint": None,
        "host_class": None,
        "verdicts": {},
        "tools": Tools(perf_pipeline="0.1.0", python="3.11.2", dagster="1.13.27", k6=None, prometheus=None),
        "files": {"report.json": FileEntry(sha256="00", bytes=3)},
    }
    return Manifest.model_validate(good | overrides)


class TestAManifest:
    def test_is_read_as_it_was_written(self) -> None:
        assert manifests.read(manifests.render(manifest()), "a") == manifest()

    def test_has_its_hash_beside_it_as_sha256sum_reads_it(self) -> None:
        content = manifests.render(manifest())
        assert manifests.hash_file(content) == f"{sha256(content).hexdigest()}  manifest.json\n".encode()

    @pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a\\b"])
    def test_with_a_file_outside_of_the_archive_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="leads out of the archive"):
            manifest(files={path: FileEntry(sha256="00", bytes=1)})

    @pytest.mark.parametrize("run_id", ["../..", "..", "a/b", "", ".hidden", "a\\b", "a b", "a\nb"])
    def test_of_a_run_whose_id_is_no_single_safe_name_is_refused(self, run_id: str) -> None:
        with pytest.raises(ValueError, match="is no id of a run"):
            manifest(run_id=run_id)

    def test_of_a_newer_version_is_refused_in_one_sentence(self) -> None:
        content = manifests.render(manifest(schema_version=2))
        with pytest.raises(ArchiveError, match=r"a/manifest\.json is perf-pipeline/archive version 2"):
            manifests.read(content, "a")

    @pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"files": 3}'])
    def test_that_is_damaged_is_refused_in_one_sentence(self, content: bytes) -> None:
        with pytest.raises(ArchiveError, match=r"a/manifest\.json cannot be read") as refused:
            manifests.read(content, "a")
        assert "\n" not in str(refused.value)


class TestThePauseAfterFailures:
    def test_doubles_up_to_an_hour(self) -> None:
        minutes = [pause_after(number) / timedelta(minutes=1) for number in (1, 2, 3, 6, 7, 1000)]
        assert minutes == [1, 2, 4, 32, 60, 60]
