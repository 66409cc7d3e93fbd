"""Whether a target must say that it runs what was deployed, asked of one that tells and one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import misbehaving
import pytest

from perf_pipeline.core.model import Deploy, RunRequest, StackState
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.checks import check_and_describe
from perf_pipeline.stack.control import Control
from perf_pipeline.stack.prometheus_server import Prometheus
from perf_pipeline.suite import JsonPlace, Target

DEPLOY = Deploy(
    number=1,
    revision="1.5.0",
    previous_revision="1.4.0",
    source="marker",
    seen_at=datetime(2026, 11, 20, tzinfo=UTC),
)


@pytest.fixture
def server() -> Iterator[misbehaving.Server]:
    answers = {"/health": misbehaving.says({"ok": True}), "/version": misbehaving.says({"is": "1.4.0"})}
    with misbehaving.serving(answers) as running:
        yield running


def described(server: misbehaving.Server, *, tells: bool) -> StackState:
    target = Target(
        name="staging",
        base_url=server.url,
        health_path="/health",
        revision=JsonPlace(path="/version", pointer="/is") if tells else None,
        max_requests_per_s=50.0,
        max_users=50,
        max_duration_s=600.0,
    )
    server.answers["/api/v1/status/buildinfo"] = misbehaving.says({"data": {"version": "3.5.3"}})
    return check_and_describe(
        target=target,
        base_url=server.url,
        prometheus=Prometheus(server.url),
        request=RunRequest(
            suite="shop", target="staging", profile="smoke", revision=DEPLOY.revision, deploy=DEPLOY
        ),
        run_id="run",
        run_folder=Path("/runs/run"),
        kind="external",
        target_pid=None,
        started=0.0,
        control=Control(None, ""),
    )


class TestATargetAfterItsDeploy:
    def test_is_not_ready_while_it_says_that_it_runs_something_else(self, server: misbehaving.Server) -> None:
        with pytest.raises(NotReady, match=r"runs revision 1\.4\.0, expected was 1\.5\.0: deploy it first"):
            described(server, tells=True)

    def test_is_believed_where_it_does_not_tell(self, server: misbehaving.Server) -> None:
        state = described(server, tells=False)
        assert (state.revision, state.request.told_revision) == (None, "1.5.0")
