"""The command line and environment of k6, for the k6 that was found. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from perf_pipeline import conventions as names
from perf_pipeline.load.errors import LoadError
from perf_pipeline.load.probe import K6
from perf_pipeline.suite import Profile, Suite, Target

REMOTE_WRITE_INTERVAL = "1s"

# What k6 needs of our own environment; everything else (proxies, a user's K6_* settings) stays outside. The
# certificate variables let a target with a private authority be reached.
_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ", "TMPDIR")


@dataclass(frozen=True)
class K6Command:
    """What to start. ``argv`` holds no secret and may be shown and archived; ``env`` may hold some."""

    argv: list[str]
    env: dict[str, str] = field(repr=False)


def build_command(
    *,
    k6: K6,
    suite: Suite,
    target: Target,
    profile: Profile,
    run_id: str,
    run_folder: Path,
    base_url: str,
    prometheus_url: str,
    config: Path,
    blocked_ips: Sequence[str],
    environment: Mapping[str, str],
    api_address: str | None,
    control_url: str | None = None,
) -> K6Command:
    """``k6 run`` for one run.

    ``config``: a file with ``k6_config``; ``environment``: ours; ``api_address``: where k6 tells its
    progress, None: nowhere; ``control_url``: None for a load without a control. Raises LoadError when a
    secret that the target needs is not in the environment.
    """
    argv = [str(k6.path), "run", "--config", str(config)]
    argv += ["--no-usage-report", *_no_summary(k6), *_api(k6, api_address)]
    argv += ["--out", f"csv={run_folder / names.RAW_SAMPLES}", "--out", "experimental-prometheus-rw"]
    tags = {
        names.TAG_TEST_ID: run_id,
        names.TAG_SUITE: suite.name,
        names.TAG_TARGET: target.name,
        names.TAG_PROFILE: profile.name,
    }
    for tag, value in tags.items():
        argv += ["--tag", f"{tag}={value}"]
    if profile.peak_rate_per_s is None:
        # Fixed users without pace send as fast as the target answers: only k6 itself can hold the cap.
        argv += ["--rps", str(max(1, int(target.max_requests_per_s)))]
    argv += scenario_flags(base_url=base_url, profile=profile, run_id=run_id)
    if control_url is not None:
        argv += ["-e", f"{names.ENV_CONTROL_URL}={control_url}"]
    argv.append(str(suite.folder / suite.script))

    env = {name: environment[name] for name in _PASSED_ON if name in environment}
    env |= {
        "HOME": str(run_folder),  # no user's own k6 configuration changes the run
        "K6_AUTO_EXTENSION_RESOLUTION": "false",
        "K6_CSV_TIME_FORMAT": "unix_milli",
        "K6_PROMETHEUS_RW_SERVER_URL": f"{prometheus_url.rstrip('/')}/api/v1/write",
        "K6_PROMETHEUS_RW_PUSH_INTERVAL": REMOTE_WRITE_INTERVAL,
        "K6_PROMETHEUS_RW_STALE_MARKERS": "false",
        "K6_BLACKLIST_IPS": ",".join(blocked_ips),
        **_native_histograms(k6),
        **_secrets(target, environment),
    }
    return K6Command(argv=argv, env=env)


def k6_config(addresses: Mapping[str, str]) -> dict[str, object]:
    """k6's config file: a URL's name means this one address for the whole run, whatever DNS says later.

    ``addresses``: URL -> address. The script's own options, the environment and the command line all stand
    above it.
    """
    hosts = {urlsplit(url).hostname: address for url, address in addresses.items()}
    return {"hosts": {host: address for host, address in hosts.items() if host not in (None, address)}}


def scenario_flags(*, base_url: str, profile: Profile, run_id: str) -> list[str]:
    """What the scenario reads as ``__ENV``, for ``k6 run`` and ``k6 inspect`` alike."""
    values = {
        names.ENV_BASE_URL: base_url,
        names.ENV_PROFILE: profile.name,
        names.ENV_IN_PIPELINE: "1",
        names.ENV_RUN_ID: run_id,
    }
    return [part for name, value in values.items() for part in ("-e", f"{name}={value}")]


def _no_summary(k6: K6) -> list[str]:
    return ["--summary-mode=disabled"] if k6.version >= (1, 3, 0) else ["--no-summary"]


def _api(k6: K6, address: str | None) -> list[str]:
    if address is not None:
        return ["--address", address]
    return ["--address", ""] if k6.major < 2 else []  # 1.x would listen on 6565, 2.x listens only when told


def _native_histograms(k6: K6) -> dict[str, str]:
    if k6.version >= (2, 1, 0):
        return {"K6_FEATURES": "native-histograms"}
    return {"K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM": "true"}


def _secrets(target: Target, environment: Mapping[str, str]) -> dict[str, str]:
    """Values go by the environment alone; the scenario learns only which variable belongs to which header."""
    if not target.headers_from_env:
        return {}
    missing = target.missing_secrets(environment)
    if missing:
        raise LoadError(
            f"target {target.name} needs the environment variable {' and '.join(missing)} "
            "for its request headers: set it and run again."
        )
    values = {name: environment[name] for name in target.headers_from_env.values()}
    return {names.ENV_SECRET_HEADERS: json.dumps(target.headers_from_env), **values}
