"""What becomes of a deploy: it waits, it gets a run, that run ends, and where it could not begin, another.

The newest deploy of a target waits until it has settled and nothing is in its way; older ones that still
wait are coalesced when it is recorded. The store decides who starts its run; Dagster, asked by the run's
key, knows what became of that.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunConfig, RunRequest, RunsFilter
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import PRIORITY_TAG, RUN_KEY_TAG

from perf_pipeline.core import model
from perf_pipeline.core.deploys import again_command
from perf_pipeline.core.model import Deploy, Outcome
from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.naming import (
    DAGSTER_TAG_DEPLOY,
    DAGSTER_TAG_DEPLOY_SOURCE,
    DAGSTER_TAG_LAUNCHED_BY,
    DAGSTER_TAG_PREVIOUS_REVISION,
    DAGSTER_TAG_REVISION,
    DAGSTER_TAG_TARGET,
    DEPLOY,
    FIRST_STEP,
    PRIORITY_DEPLOY,
    job_name,
    step_key,
)
from perf_pipeline.defs.unfinished import QUEUED, unfinished
from perf_pipeline.deploys.policy import deploys_of, expected_revision
from perf_pipeline.store.errors import StoreError, UnreachableError
from perf_pipeline.store.repository import Store, StoredDeploy, StoredRun
from perf_pipeline.store.values import DeployState
from perf_pipeline.suite import Suite

MOST_ATTEMPTS = 3
AGAIN_AFTER = timedelta(seconds=60)  # a host that was busy, a target that was still starting
NEVER_BEGAN_AFTER = timedelta(minutes=10)  # Dagster starts what a tick asked for within moments
GONE_AFTER = timedelta(days=1)  # another daemon that says nothing of a run it started
NOT_MEASURED = "deploy_not_measured"  # kind of the notice


def deploy_tags(deploy: Deploy | None) -> dict[str, str]:
    """Tags of a run that follows a deploy; none of any other."""
    if deploy is None:
        return {}
    tags = {
        DAGSTER_TAG_DEPLOY: str(deploy.number),
        DAGSTER_TAG_REVISION: deploy.revision,
        DAGSTER_TAG_DEPLOY_SOURCE: deploy.source,
    }
    previous = deploy.previous_revision
    return tags | ({DAGSTER_TAG_PREVIOUS_REVISION: previous} if previous else {})


class DeployRuns:
    """The runs after deploys, as one tick finds them. Every method may raise StoreError."""

    def __init__(
        self, store: Store, instance: DagsterInstance, suites: Mapping[str, Suite], now: datetime
    ) -> None:
        self._store, self._instance, self._suites, self._now = store, instance, suites, now
        # Of its storage: whoever shares that knows the same runs, and nobody else does.
        self._own_id = cast(SqlRunStorage, instance.run_storage).get_run_storage_id()

    def next_step(self, deploy: StoredDeploy) -> RunRequest | str:
        """The run to start for an open deploy now, or what it waits for or has become, as a phrase."""
        if deploy.state is DeployState.LAUNCHED:
            return self._follow(deploy) if deploy.launcher == self._own_id else self._leave(deploy)
        why = self._why_not_now(deploy)
        if why:
            return why
        said = f"its run was started by the daemon on {socket.gethostname()}"
        if not self._store.launch_deploy(deploy, self._own_id, said, self._now):
            return "another daemon starts its run"
        return self._request(self._store.deploy(deploy.suite, deploy.target, deploy.number))

    # ---------------------------------------------------------------- before its run

    def _why_not_at_all(self, deploy: StoredDeploy) -> str:
        """Empty: the suite file has what its run needs."""
        suite = self._suites[deploy.suite]
        if deploy.target not in suite.targets:
            return "the suite file has its target no more"
        if deploys_of(suite, deploy.target).profile not in suite.profiles:
            return "the suite file has its profile no more"
        return ""

    def _why_not_now(self, deploy: StoredDeploy) -> str:
        """Empty: its run may start."""
        why = self._why_not_at_all(deploy)
        if why:
            return why
        suite = self._suites[deploy.suite]
        if deploy.attempts:
            again = deploy.decided_at + AGAIN_AFTER
            if self._now < again:
                return f"{deploy.sentence}; attempt {deploy.attempts + 1} starts after {again:%H:%M:%S} UTC"
        else:
            settled = deploy.settles_from + timedelta(seconds=deploys_of(suite, deploy.target).settle_s)
            if self._now < settled:
                return f"settles until {settled:%H:%M:%S} UTC"
        paused = self._store.paused(suite=deploy.suite, target=deploy.target)
        if paused:
            return paused
        # What is queued and less urgent (the nightly) is overtaken.
        there = unfinished(self._instance, self._store, suite, target=deploy.target, now=self._now)
        return next(filter(None, (run.before(PRIORITY_DEPLOY) for run in there)), "")

    def _request(self, deploy: StoredDeploy) -> RunRequest:
        suite = self._suites[deploy.suite]
        told = deploy.as_deploy
        wanted = model.RunRequest(
            suite=deploy.suite,
            target=deploy.target,
            profile=deploys_of(suite, deploy.target).profile,
            revision=expected_revision(suite.targets[deploy.target], told),
            note=deploy.note,
            launched_by=DEPLOY,
            deploy=told,
        )
        config = RunConfig(ops={step_key(suite.name, FIRST_STEP): BenchmarkConfig.of(wanted)})
        return RunRequest(
            run_key=_key(deploy),
            job_name=job_name(suite.name),
            run_config=config.to_config_dict(),  # type: ignore[no-untyped-call]
            tags={
                DAGSTER_TAG_LAUNCHED_BY: DEPLOY,
                DAGSTER_TAG_TARGET: deploy.target,
                PRIORITY_TAG: str(PRIORITY_DEPLOY),
                **deploy_tags(told),
            },
        )

    # ---------------------------------------------------------------- after its run was started

    def _leave(self, deploy: StoredDeploy) -> str:
        """Only the daemon that started its run can ask what became of that."""
        if self._now - deploy.decided_at < GONE_AFTER:
            return f"{deploy.sentence}, which follows it"
        return self._abandon(deploy, None, f"{deploy.sentence}, which has not said since how it ended")

    def _follow(self, deploy: StoredDeploy) -> RunRequest | str:
        # The oldest: a re-execution has its parent's tags.
        runs = self._instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: _key(deploy)}))
        run = runs[-1] if runs else None
        if run is None or run.status is DagsterRunStatus.NOT_STARTED:
            if self._now - deploy.decided_at < NEVER_BEGAN_AFTER:
                # The daemon ended in between; no second run has the same key.
                return self._why_not_at_all(deploy) or self._request(deploy)
            if run is not None:
                self._instance.report_run_canceled(run, message="Never began; another run replaces it.")
            return self._try_again(deploy, None, "Dagster never began its run")
        if not run.is_finished:
            return f"run {run.run_id} is {'queued' if run.status in QUEUED else 'under way'}"
        return self._settle(deploy, run, self._stored(run.run_id))

    def _settle(self, deploy: StoredDeploy, run: DagsterRun, stored: StoredRun | None) -> str:
        """Its run has ended for Dagster; ``stored``: what the store knows of it, None when it never began."""
        if stored is None and run.status is DagsterRunStatus.CANCELED:
            return self._abandon(
                deploy, run.run_id, f"run {run.run_id} was cancelled before it began", tell=False
            )
        if stored is None:
            return self._try_again(deploy, run.run_id, f"run {run.run_id} failed before it began")
        if stored.outcome is None:
            return f"how run {stored.run_id} ended is not known yet"
        said = f"run {stored.run_id} {stored.sentence or stored.outcome.value}"
        if stored.measured:
            self._store.settle_deploy(deploy, DeployState.MEASURED, said, self._now, stored.run_id)
            return said
        if stored.outcome is Outcome.NOT_READY:
            return self._try_again(deploy, stored.run_id, said)
        return self._abandon(deploy, stored.run_id, said, tell=stored.outcome is not Outcome.CANCELLED)

    def _try_again(self, deploy: StoredDeploy, run_id: str | None, why: str) -> str:
        """Nothing was sent. After MOST_ATTEMPTS it is given up, unless a later deploy stands for it."""
        newest = self._store.newest_deploy(deploy.suite, deploy.target)
        overtaken = newest is not None and newest.number > deploy.number
        if deploy.attempts >= MOST_ATTEMPTS and not overtaken:
            return self._abandon(deploy, run_id, f"{why} (attempt {deploy.attempts} of {MOST_ATTEMPTS})")
        self._store.settle_deploy(deploy, DeployState.PENDING, why, self._now, run_id)
        return why

    def _abandon(self, deploy: StoredDeploy, run_id: str | None, why: str, *, tell: bool = True) -> str:
        """No run follows any more. ``tell``: nobody wanted that, so that a person should know."""
        self._store.settle_deploy(deploy, DeployState.ABANDONED, why, self._now, run_id)
        if tell:
            said = (
                f"deploy {deploy.number} of {deploy.suite} on {deploy.target} ({deploy.revision}) "
                f"was not measured: {why.rstrip('.')}; "
                f"`{again_command(deploy.suite, deploy.target, deploy.revision)}` tries it again"
            )
            self._store.add_notice(NOT_MEASURED, said, self._now, suite=deploy.suite, target=deploy.target)
        return why

    def _stored(self, run_id: str) -> StoredRun | None:
        try:
            return self._store.find_run(run_id)
        except UnreachableError:
            raise  # nothing is known at this moment, which is not the same
        except StoreError:
            return None


def _key(deploy: StoredDeploy) -> str:
    """Remembered by Dagster with the run: of the number, because a revision may come back, and of the time,
    because the store may be made anew and count from 1 again.
    """
    attempt = f":{deploy.attempts}" if deploy.attempts > 1 else ""
    return f"{deploy.suite}:{deploy.target}:deploy:{deploy.number}:{deploy.seen_at:%Y%m%dT%H%M%SZ}{attempt}"
