"""``perf-pipeline validate``: is the suite file right?"""

from __future__ import annotations

from perf_pipeline.cli.shared import JsonOption, SuiteArgument, named_suite, print_json
from perf_pipeline.project import find_project


def validate(suite: SuiteArgument = None, as_json: JsonOption = False) -> None:
    """Name everything that is wrong with a suite file.

    One sentence each, with file and line. Starts nothing. Exit codes: 0 valid, 2 not.
    """
    found = named_suite(find_project(), suite)
    if as_json:
        print_json(found.model_dump(mode="json", exclude={"folder"}))
        return
    profiles = ", ".join(
        f"{name} {profile.warmup_s + profile.duration_s:.0f} s" for name, profile in found.profiles.items()
    )
    print(f"suite {found.name} is valid: {len(found.endpoints)} endpoints, {len(found.targets)} targets.")
    print(f"profiles: {profiles}")
    for endpoint in found.endpoints.values():
        slo = endpoint.slo
        p50 = f"p50 {slo.p50_ms:g} ms, " if slo.p50_ms is not None else ""
        promise = f"{p50}p95 {slo.p95_ms:g} ms, errors {100 * slo.error_ratio:g} %"
        print(f"  {endpoint.name:24} {endpoint.method:6} {promise:32} x{endpoint.weight:g} {endpoint.path}")
