"""One load test from plan to result: checks, k6, and the reading of what it left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from perf_pipeline import conventions as names
from perf_pipeline.core.model import LoadResult, StackState
from perf_pipeline.load import exit_codes
from perf_pipeline.load.addresses import complement, target_address
from perf_pipeline.load.command import build_command, k6_config
from perf_pipeline.load.errors import LoadError
from perf_pipeline.load.limits import (
    Requirements,
    check_caps,
    check_control,
    check_origin,
    check_requirements,
    inspect,
)
from perf_pipeline.load.probe import K6
from perf_pipeline.load.progress import Progress, ProgressApi
from perf_pipeline.load.result import ReadTarget, read_result
from perf_pipeline.load.session import Plan, run_k6
from perf_pipeline.ports import free_port
from perf_pipeline.suite import Profile, Suite, Target

HANG_MARGIN_S = 30.0
API_ATTEMPTS = 3


def run_load(
    *,
    suite: Suite,
    stack: StackState,
    k6: K6,
    home: Path,
    on_progress: Callable[[Progress], None],
    read_target: ReadTarget,
) -> LoadResult:
    """Run one load test; blocking. Writes raw samples, their Parquet copy and k6's log into the run's folder.

    Raises LoadError when no load was sent (caps, allow-list, missing secret, an unhealthy target that the
    scenario's set-up refused), and UnreadableError when it was and what it left behind cannot be read. On any
    other exception, Ctrl-C included, k6 has ended before it goes on.
    """
    target, profile = suite.targets[stack.request.target], suite.profiles[stack.request.profile]
    folder = Path(stack.run_folder)
    folder.mkdir(parents=True, exist_ok=True)
    required = _check(suite=suite, target=target, profile=profile, stack=stack, k6=k6, folder=folder)
    addresses = addresses_of(stack)
    config = _write_config(folder, k6_config(addresses))
    plan = Plan(
        measure_start_s=required.measure_start_s,
        planned_s=required.load_end_s,
        deadline_s=required.setup_timeout_s
        + required.total_duration_s
        + required.teardown_timeout_s
        + HANG_MARGIN_S,
    )
    for attempt in range(1, API_ATTEMPTS + 1):
        api = ProgressApi(free_port()) if attempt < API_ATTEMPTS else None
        command = build_command(
            k6=k6,
            suite=suite,
            target=target,
            profile=profile,
            run_id=stack.run_id,
            run_folder=folder,
            base_url=stack.base_url,
            prometheus_url=stack.prometheus_url,
            config=config,
            blocked_ips=complement(addresses.values()),
            environment=os.environ,
            api_address=api.address if api else None,
            control_url=stack.control_url if stack.control_url in addresses else None,
        )
        session = run_k6(
            command,
            home=home,
            log_path=folder / names.K6_LOG,
            plan=plan,
            api=api,
            target_pid=stack.target_pid,
            on_progress=on_progress,
        )
        if session.exit_code != exit_codes.API_ADDRESS_TAKEN:
            break  # else somebody took the free port between our look and k6's start: nothing was sent yet
    return read_result(
        suite=suite,
        profile=profile,
        stack=stack,
        k6=k6,
        command=command,
        session=session,
        plan=plan,
        folder=folder,
        read_target=read_target,
    )


def addresses_of(stack: StackState) -> dict[str, str]:
    """URL -> its address, of the target and of the control. Raises LoadError when the target has none.

    The load goes on without a control that cannot be found any more.
    """
    found = {stack.base_url: target_address(stack.base_url)}
    if stack.control_url is not None:
        if urlsplit(stack.control_url).hostname == urlsplit(stack.base_url).hostname:
            found[stack.control_url] = found[stack.base_url]
        else:
            with suppress(LoadError):
                found[stack.control_url] = target_address(stack.control_url)
    return found


def _check(
    *, suite: Suite, target: Target, profile: Profile, stack: StackState, k6: K6, folder: Path
) -> Requirements:
    check_origin(suite, target, stack.base_url)
    if stack.control_url is not None:
        check_control(suite, target, stack.control_url)
    check_caps(suite, target, profile)
    required = inspect(
        k6=k6, suite=suite, profile=profile, base_url=stack.base_url, run_id=stack.run_id, home=folder
    )
    check_requirements(required, suite, target, profile)
    return required


def _write_config(folder: Path, config: dict[str, object]) -> Path:
    path = folder / names.K6_CONFIG
    try:
        path.write_text(json.dumps(config) + "\n")
    except OSError as error:
        raise LoadError(f"the run's folder {folder} cannot be written to ({error}): make room.") from error
    return path
