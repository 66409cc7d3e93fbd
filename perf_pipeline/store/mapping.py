"""Between rows and values."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from perf_pipeline.core.judgement import Effect, EndpointVerdict, Verdict
from perf_pipeline.core.model import Deploy, EndpointSlo, FollowUp, Outcome, RunRecord, SloStatus
from perf_pipeline.store.automation_tables import DeployRow
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.tables import BaselineRow, EndpointResultRow, MemberRow, PromotionRow, RunRow
from perf_pipeline.store.values import (
    BaselineMember,
    DeployState,
    EndpointPoint,
    Promotion,
    StoredDeploy,
    StoredRun,
)


def outcome_of(row: RunRow) -> Outcome | None:
    return Outcome(row.outcome) if row.outcome else None


def stored_run(row: RunRow, *, measured: bool, in_baseline: bool) -> StoredRun:
    return StoredRun(
        run_id=row.run_id,
        suite=row.suite,
        target=row.target,
        profile=row.profile,
        revision=row.revision,
        base_url=row.base_url,
        outcome=outcome_of(row),
        sentence=row.sentence,
        launched_by=row.launched_by,
        note=row.note,
        host=row.host,
        owner_pid=row.owner_pid,
        owner_started=row.owner_started,
        run_folder=row.run_folder,
        fingerprint_key=row.fingerprint_key,
        started_at=row.started_at,
        ended_at=row.ended_at,
        confirms=row.confirms,
        follow_up=FollowUp(row.follow_up),
        asks=row.asks or "",
        deploy=Deploy.model_validate(row.deploy) if row.deploy else None,
        waits=row.waits or "",
        priority=row.priority or 0,
        measured=measured,
        in_baseline=in_baseline,
    )


def record_json(record: RunRecord) -> dict[str, Any]:
    """The record as JSON that every database takes (no NaN) and that reads back. Raises StoreError."""
    text = record.model_dump_json()
    try:
        RunRecord.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(
            f"the record of run {record.stack.run_id} would not read back from the store: {first(error)}."
        ) from error
    found: dict[str, Any] = json.loads(text)
    return found


def first(error: ValidationError) -> str:
    """The first problem, in one line."""
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def endpoint_row(run_id: str, slo: EndpointSlo, verdict: EndpointVerdict | None) -> EndpointResultRow:
    return EndpointResultRow(
        run_id=run_id,
        endpoint=slo.endpoint,
        requests=slo.requests,
        failed=slo.failed,
        error_ratio=slo.error_ratio,
        p50_ms=slo.p50_ms,
        p95_ms=slo.p95_ms,
        achieved_per_s=slo.achieved_per_s,
        p50_objective_ms=slo.p50_objective_ms,
        p95_objective_ms=slo.p95_objective_ms,
        error_objective_ratio=slo.error_objective_ratio,
        slo_status=slo.status.value,
        verdict=(verdict.verdict if verdict else Verdict.NO_BASELINE).value,
        verdict_sentence=verdict.sentence if verdict else "",
        **_effect("p50", verdict.p50 if verdict else None),
        **_effect("p95", verdict.p95 if verdict else None),
    )


def _effect(name: str, effect: Effect | None) -> dict[str, float | None]:
    return {
        f"{name}_ratio": effect.ratio if effect else None,
        f"{name}_low": effect.low if effect else None,
        f"{name}_high": effect.high if effect else None,
        f"{name}_noise_ratio": effect.noise_ratio if effect else None,
    }


def endpoint_point(run: RunRow, row: EndpointResultRow) -> EndpointPoint:
    return EndpointPoint(
        run_id=run.run_id,
        started_at=run.started_at,
        profile=run.profile,
        revision=run.revision,
        fingerprint_key=run.fingerprint_key,
        outcome=outcome_of(run),
        p50_ms=row.p50_ms,
        p95_ms=row.p95_ms,
        p95_objective_ms=row.p95_objective_ms,
        requests=row.requests,
        failed=row.failed,
        error_ratio=row.error_ratio,
        achieved_per_s=row.achieved_per_s,
        slo_status=SloStatus(row.slo_status),
        verdict=Verdict(row.verdict),
    )


def baseline_member(baseline: BaselineRow, member: MemberRow, run: RunRow) -> BaselineMember:
    return BaselineMember(
        mode=baseline.mode,
        fingerprint_key=baseline.fingerprint_key,
        run_id=run.run_id,
        revision=run.revision,
        outcome=outcome_of(run),
        started_at=run.started_at,
        accepted_at=member.accepted_at,
        accepted_by=member.accepted_by,
        reason=member.reason,
        removed_at=member.removed_at,
        removed_by=member.removed_by,
        removed_reason=member.removed_reason,
    )


def promotion(row: PromotionRow) -> Promotion:
    return Promotion(
        at=row.at,
        who=row.who,
        action=row.action,
        fingerprint_key=row.fingerprint_key,
        suite=row.suite,
        target=row.target,
        profile=row.profile,
        run_ids=list(row.run_ids),
        reason=row.reason,
    )


def stored_deploy(row: DeployRow) -> StoredDeploy:
    return StoredDeploy(
        suite=row.suite,
        target=row.target,
        number=row.number,
        revision=row.revision,
        previous_revision=row.previous_revision,
        source=row.source,
        seen_at=row.seen_at,
        note=row.note,
        state=DeployState(row.state),
        sentence=row.sentence,
        attempts=row.attempts,
        launcher=row.launcher,
        run_id=row.run_id,
        decided_at=row.decided_at,
    )
