"""For all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from perf_pipeline.conventions import ENV_LOCK


@pytest.fixture(scope="session", autouse=True)
def lock_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test waits for a benchmark on this machine, or keeps one from beginning."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENV_LOCK, str(tmp_path_factory.mktemp("lock") / "perf-pipeline.lock"))
        yield


@pytest.fixture(scope="session", autouse=True)
def sigint_as_in_a_terminal() -> None:
    """A background job of a shell ignores SIGINT, and so would all that it starts.

    Then Ctrl-C could not be tested, and each server that a test ends by it would be waited for in vain.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
