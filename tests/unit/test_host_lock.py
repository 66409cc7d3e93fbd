"""The lock that keeps benchmarks on one machine apart."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from perf_pipeline.conventions import ENV_LOCK
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.lock import HostLock, lock_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "perf-pipeline.lock"


class TestTheLock:
    def test_is_one_for_the_machine_unless_the_environment_names_another(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ENV_LOCK, str(path))
        assert lock_path() == path
        monkeypatch.delenv(ENV_LOCK)
        assert lock_path().name == "perf-pipeline.lock"
        assert lock_path().parent.is_dir()

    def test_lets_one_in_and_tells_the_second_who_it_is(self, path: Path) -> None:
        first, second = HostLock(path), HostLock(path)
        first.take("run-1")
        with pytest.raises(
            NotReady, match=r"^run run-1 \(pid \d+, since .* UTC\) is benchmarking"
        ) as refusal:
            second.take("run-2")
        assert refusal.value.name == "busy"
        assert str(second.busy()).startswith("run run-1 (pid ")
        first.release()
        assert second.busy() is None
        second.take("run-2")
        second.release()

    def test_can_be_taken_by_every_user_of_the_machine(self, path: Path) -> None:
        lock = HostLock(path)
        lock.take("run-1")
        lock.release()
        assert stat.S_IMODE(path.stat().st_mode) == 0o666

    def test_is_not_opened_through_a_link_that_somebody_has_laid(self, path: Path, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.write_text("all I have")
        path.symlink_to(precious)
        with pytest.raises(NotReady, match=f"remove {path}, or name another file by {ENV_LOCK}") as refusal:
            HostLock(path).take("run-1")
        assert refusal.value.name == "lock_unusable"
        assert precious.read_text() == "all I have"
