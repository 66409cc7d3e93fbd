"""Where load may go, and where a target's answer says something of itself."""

from __future__ import annotations

from typing import Any

import pytest

from perf_pipeline.origins import origin
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.target import check_allowed, resolve_pointer, secret_headers
from perf_pipeline.suite import Target

HEADERS = {"Authorization": "STAGING_TOKEN", "X-Tenant": "STAGING_TENANT"}
ANSWER = {"data": [{"version": "1.2"}], "a/b": {"m~n": 8}, "": 0}
ALLOWED = ("https://staging.example.org", "http://10.0.0.5:8080")


def target(**overrides: Any) -> Target:
    good: dict[str, Any] = {
        "name": "staging",
        "base_url": ALLOWED[0],
        "health_path": "/health",
        "max_requests_per_s": 10.0,
        "max_users": 10,
        "max_duration_s": 60.0,
    }
    return Target(**(good | overrides))


class TestTheAllowList:
    @pytest.mark.parametrize(
        "spelling",
        [
            "https://staging.example.org",
            "https://staging.example.org/",
            "HTTPS://Staging.Example.Org:443",
            "http://10.0.0.5:8080",
        ],
    )
    def test_lets_the_same_origin_pass_however_it_is_spelt(self, spelling: str) -> None:
        check_allowed(spelling, ALLOWED)

    @pytest.mark.parametrize(
        "other",
        [
            "http://staging.example.org",
            "https://staging.example.org:8443",
            "https://staging.example.org.evil.example",
            "https://evil.example",
            "http://10.0.0.5",
            "https://api.staging.example.org",
            "https://staging.example.org:0",
        ],
    )
    def test_stops_an_origin_that_differs_in_one_part(self, other: str) -> None:
        with pytest.raises(NotReady, match="is not on the suite's allow-list") as stopped:
            check_allowed(other, ALLOWED)
        assert stopped.value.name == "target_not_allowed"

    def test_stops_everything_when_it_is_empty(self) -> None:
        with pytest.raises(NotReady, match=r"allow-list \(empty\)"):
            check_allowed("http://127.0.0.1:8000", ())


class TestAnOrigin:
    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("https://user:secret@staging.example.org", "must not carry a user"),
            ("https://staging.example.org@evil.example", "must not carry a user"),
            ("https://staging.example.org/api", "no path"),
            ("https://staging.example.org/?a=b", "no path"),
            ("https://staging.example.org#x", "no path"),
            ("ftp://staging.example.org", "is not an origin"),
            ("staging.example.org", "is not an origin"),
            ("https://", "is not an origin"),
            ("https://staging.example.org:99999", "no valid port"),
        ],
    )
    def test_is_nothing_but_scheme_host_and_port(self, url: str, why: str) -> None:
        with pytest.raises(ValueError, match=why):
            origin(url)

    def test_of_an_ipv6_address_keeps_its_brackets(self) -> None:
        assert origin("http://[::1]:8000") == "http://[::1]:8000"

    def test_never_shows_a_password_in_its_complaint(self) -> None:
        with pytest.raises(ValueError) as complaint:
            origin("https://user:secret@staging.example.org")
        assert "secret" not in str(complaint.value)


class TestSecretHeaders:
    def test_take_their_values_from_the_environment(self) -> None:
        environ = {"STAGING_TOKEN": "t", "STAGING_TENANT": "n", "OTHER": "o"}
        headers = secret_headers(target(headers_from_env=HEADERS), environ)
        assert headers == {"Authorization": "t", "X-Tenant": "n"}

    def test_name_every_variable_that_is_missing_or_empty(self) -> None:
        with pytest.raises(NotReady, match="STAGING_TENANT, STAGING_TOKEN is not set") as stopped:
            secret_headers(target(headers_from_env=HEADERS), {"STAGING_TOKEN": ""})
        assert stopped.value.name == "secret_missing"


class TestAPointerIntoAnAnswer:
    @pytest.mark.parametrize(
        ("pointer", "value"),
        [("/data/0/version", "1.2"), ("/a~1b/m~0n", 8), ("/", 0), ("", ANSWER)],
    )
    def test_finds_values_as_rfc_6901_says(self, pointer: str, value: object) -> None:
        assert resolve_pointer(ANSWER, pointer) == value

    @pytest.mark.parametrize("pointer", ["/none", "/data/1", "/data/-1", "/data/x", "/data/0/version/0"])
    def test_that_leads_nowhere_is_a_lookup_error(self, pointer: str) -> None:
        with pytest.raises(LookupError):
            resolve_pointer(ANSWER, pointer)
