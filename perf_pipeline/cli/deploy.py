"""``perf-pipeline deploy`` and ``deploys``: say that something was deployed, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import (
    JsonOption,
    RefusedError,
    SuiteArgument,
    TargetOption,
    named_suite,
    open_store,
    print_json,
)
from perf_pipeline.core.deploys import again_command, deploy_words, flaw_in_revision
from perf_pipeline.defs.asking import check_known
from perf_pipeline.deploys.policy import deploys_of, expected_revision
from perf_pipeline.project import find_project
from perf_pipeline.suite import Suite

if TYPE_CHECKING:
    from perf_pipeline.store.repository import StoredDeploy


def deploy(
    revision: Annotated[str, typer.Option("--revision", help="What was deployed: a version, a commit.")],
    suite: SuiteArgument = None,
    target: TargetOption = None,
    note: Annotated[str, typer.Option(help="Why, or by whom; kept with the deploy and its run.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Measure it also if it is what the target is known to run.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say that a target was deployed, such as from a CI job. A run follows.

    Dagster's daemon starts it with its deploy sensor, once the deploy has settled and nothing is in the way.
    The same revision again changes nothing; of several deploys that wait only the newest is run.

    Exit codes: 0 recorded, 2 wrong configuration, 1 internal error.
    """
    flaw = flaw_in_revision(revision)
    if flaw:
        raise RefusedError(f"--revision {flaw}.")
    project = find_project()
    chosen = named_suite(project, suite)
    where = target or chosen.default_target
    check_known(chosen, target=where, profile=None)
    project.make_home()
    with open_store(project) as store:
        recorded = store.mark_deploy(
            chosen.name, where, revision.strip(), note=note, at=datetime.now(UTC), again=again
        )
        paused = store.paused(suite=chosen.name, target=where)
    follows = _what_follows(chosen, recorded, paused)
    if as_json:
        print_json({**recorded.model_dump(mode="json"), "follows": follows})
        return
    said = deploy_words(recorded.number, recorded.revision, recorded.previous_revision, recorded.source)
    print(f"{said}, of {chosen.name} on {where}, recorded {recorded.decided_at:%Y-%m-%d %H:%M:%S} UTC")
    print(as_called(follows))


def deploys(
    suite: Annotated[str | None, typer.Option(help="Only deploys of this suite.")] = None,
    target: Annotated[str | None, typer.Option(help="Only deploys of this target.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List deploys, newest first, with what became of each."""
    from perf_pipeline.report.terminal_deploys import print_deploys  # noqa: PLC0415 - keeps `--help` fast

    with open_store() as store:
        found = store.list_deploys(suite=suite, target=target, limit=limit)
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    elif not found:
        print(
            as_called(
                "no deploys yet: `perf-pipeline deploy --revision ...` tells of one; "
                "docs/deploys.md says how else they are seen."
            )
        )
    else:
        print_deploys(found)


def _what_follows(suite: Suite, recorded: StoredDeploy, paused: str | None) -> str:
    """What will happen, and when, in one sentence."""
    from perf_pipeline.store.values import DeployState  # noqa: PLC0415 - keeps `--help` fast

    if recorded.state is DeployState.COALESCED:
        again = f"`{again_command(suite.name, recorded.target, recorded.revision)}`"
        return f"no run follows: {recorded.sentence}; {again} measures it once more."
    said = deploys_of(suite, recorded.target)
    settled = recorded.settles_from + timedelta(seconds=said.settle_s)
    when = f"when it has settled, from {settled:%H:%M:%S} UTC on"
    follows = f"the daemon's deploy sensor starts a run with profile {said.profile} {when}"
    expected = expected_revision(suite.targets[recorded.target], recorded.as_deploy)
    held = f"; the target must say by then that it runs {expected}" if expected else ""
    return f"{follows}{held}" + (f"; not yet: {paused.rstrip('.')}." if paused else ".")
