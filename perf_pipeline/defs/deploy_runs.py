"""What becomes of a deploy: it waits, it gets a run, that run ends, and where it could not begin, another.

The newest deploy of a target waits until it has settled and nothing is in its way; older ones that still
wait are coalesced when it is recorded. The store decides who starts its run; Dagster, asked by the run's
key, knows what became of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunConfig, RunRequest, RunsFilter
from dagster._core.storage.tags import PRIORITY_TAG, RUN_KEY_TAG

from perf_pipeline.core import model
from perf_pipeline.core.deploys import again_command
from perf_pipeline.core.model import Deploy, Outcome
from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.ledger import priority_of
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
from perf_pipeline.deploys.policy import deploys_of, expected_revision
from perf_pipeline.store.errors import StoreError, UnreachableError
from perf_pipeline.store.repository import Store, StoredDeploy, StoredRun
from perf_pipeline.store.values import DeployState
from perf_pipeline.suite import Suite

MOST_ATTEMPTS = 3
AGAIN_AFTER = timedelta(seconds=60)  # a host that was busy, a target that was still starting
NEVER_BEGAN_AFTER = timedelta(minutes=10)  # Dagster starts what a tick asked for within moments
NOT_MEASURED = "deploy_not_measured"  # kind of the notice
_RUNS_READ = 50  # the newest ones of a target, to find those under way among them
_QUEUED = [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED]
_UNDER_WAY = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


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

    def next_step(self, deploy: StoredDeploy) -> RunRequest | str:
        """The run to start for an open deploy now, or what it waits for or has become, as a phrase."""
        if deploy.state is DeployState.LAUNCHED:
            return self._follow(deploy)
        why = self._why_not_now(deploy)
        if why:
            return why
        if not self._store.launch_deploy(deploy, "its run starts", self._now):
            return "another daemon starts its run"
        return self._request(self._store.deploy(deploy.suite, deploy.target, deploy.number))

    # ---------------------------------------------------------------- before its run

    def _why_not_now(self, deploy: StoredDeploy) -> str:
        """Empty: its run may start."""
        suite = self._suites[deploy.suite]
        if deploy.target not in suite.targets:
            return "the suite file has its target no more"
        if deploys_of(suite, deploy.target).profile not in suite.profiles:
            return "the suite file has its profile no more"
        settled = deploy.seen_at + timedelta(seconds=deploys_of(suite, deploy.target).settle_s)
        if self._now < settled:
            return f"settles until {settled:%H:%M:%S} UTC"
        again = deploy.decided_at + AGAIN_AFTER
        if deploy.attempts and self._now < again:
            return f"{deploy.sentence}; attempt {deploy.attempts + 1} starts after {again:%H:%M:%S} UTC"
        paused = self._store.paused(suite=deploy.suite, target=deploy.target)
        return paused or self._in_the_way(suite, deploy.target)

    def _in_the_way(self, suite: Suite, target: str) -> str:
        """A run that is under way on the target, or queued and no less urgent; empty: none is.

        What is less urgent (the nightly) is overtaken in Dagster's queue.
        """
        for known in self._store.list_runs(suite=suite.name, target=target, limit=_RUNS_READ):
            if known.outcome is None:
                return f"run {known.run_id} is under way"
        of_job = RunsFilter(job_name=job_name(suite.name), statuses=[*_QUEUED, *_UNDER_WAY])
        for run in self._instance.get_runs(of_job):
            if _target_of(run, suite) != target:
                continue
            if run.status in _UNDER_WAY:
                return f"run {run.run_id} is under way"
            if priority_of(run) >= PRIORITY_DEPLOY:
                return f"run {run.run_id} is queued before it"
        return ""

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

    def _follow(self, deploy: StoredDeploy) -> RunRequest | str:
        # The oldest: a re-execution has its parent's tags.
        runs = self._instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: _key(deploy)}))
        run = runs[-1] if runs else None
        if run is None or run.status is DagsterRunStatus.NOT_STARTED:
            if self._now - deploy.decided_at < NEVER_BEGAN_AFTER:
                return self._request(deploy)  # the daemon ended in between; no second run has the same key
            return self._abandon(deploy, None, "Dagster never began its run")
        if not run.is_finished:
            return f"run {run.run_id} is {'queued' if run.status in _QUEUED else 'under way'}"
        return self._settle(deploy, run, self._stored(run.run_id))

    def _settle(self, deploy: StoredDeploy, run: DagsterRun, stored: StoredRun | None) -> str:
        """Its run has ended for Dagster; ``stored``: what the store knows of it, None when it never began."""
        if stored is None:
            cancelled = run.status is DagsterRunStatus.CANCELED
            how = "was cancelled before it began" if cancelled else "failed before it began"
            return self._abandon(deploy, run.run_id, f"run {run.run_id} {how}", tell=not cancelled)
        if stored.outcome is None:
            return f"how run {stored.run_id} ended is not known yet"
        said = f"run {stored.run_id} {stored.sentence or stored.outcome.value}"
        if stored.measured:
            self._store.settle_deploy(deploy, DeployState.MEASURED, said, self._now, stored.run_id)
            return said
        if stored.outcome is Outcome.NOT_READY and deploy.attempts < MOST_ATTEMPTS:
            self._store.settle_deploy(deploy, DeployState.PENDING, said, self._now, stored.run_id)
            return said
        times = f" (attempt {deploy.attempts} of {MOST_ATTEMPTS})" if deploy.attempts > 1 else ""
        return self._abandon(
            deploy, stored.run_id, said + times, tell=stored.outcome is not Outcome.CANCELLED
        )

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


def _target_of(run: DagsterRun, suite: Suite) -> str:
    """Of a run that may not have begun, whose tag its first step writes."""
    document: Any = run.run_config
    ops = document.get("ops") or {}
    config = (ops.get(step_key(suite.name, FIRST_STEP)) or {}).get("config") or {}
    return run.tags.get(DAGSTER_TAG_TARGET) or config.get("target") or suite.default_target
