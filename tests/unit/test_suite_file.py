"""The suite file, one good object minus one: each test breaks one thing and reads the whole sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perf_pipeline.suite import REFERENCE_BACKEND, Schedule, Stage, Suite
from perf_pipeline.suite_file import SuiteError, discover_suites, load_suite

ROOT = Path(__file__).parents[2]

GOOD = """\
description: A visitor of a shop
endpoints:
  list_products:
    method: GET
    path: /products?page=1
    weight: 2
    slo: {p95: 200ms, p50: 100ms, errors: 1%}
  place_order:
    method: POST
    path: /orders/{order_id}
    weight: 0.5
    slo: {p95: 0.4s, errors: 2%}
profiles:
  standard:
    warmup: 10s
    rate: 5/s
    duration: 2m
    max_users: 50
  half:
    warmup: 10s
    stages:
      - {rate: 50% of standard, duration: 2m}
      - {rate: 300/min, duration: 1m}
    max_users: 20
  people:
    warmup: 10s
    users: 50
    pace: 5s
    duration: 5m
targets:
  local:
    start: reference-backend
    health: /health
    limits: {requests: 100/s, users: 60, duration: 10m}
  staging:
    base_url: https://shop.example.com
    health: /health
    revision: {path: /about, pointer: /git/sha}
    headers_from_env: {Authorization: SHOP_TOKEN}
    limits: {requests: 50/s, users: 60, duration: 10m}
allowed_origins:
  - https://shop.example.com
baseline: {accept: manual, improvements: manual, keep: 5, minimum: 2}
verdict: {floor: 4%, floor_latency: 2ms, tolerance: {p50: 8%, p95: 15%}, runs: 1}
"""
SCRIPT = "perform('list_products', () => ({}));\nperform('place_order', () => ({}));\n"

NINES = "9" * 400
DEEP_BLOCK = "".join(" " * level + "a:\n" for level in range(1500))

Breaking = Callable[[str, str], list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "k6" / "shop"
    folder.mkdir(parents=True)
    (folder / "scenario.js").write_text(SCRIPT)
    (folder / "suite.yaml").write_text(GOOD)
    return folder


@pytest.fixture
def breaking(folder: Path) -> Breaking:
    """Replaces one text in the good suite; returns the problems, with the folder's path left out."""

    def breaking(old: str, new: str) -> list[str]:
        assert GOOD.count(old) == 1, f"{old!r} must be unique in the good suite"
        (folder / "suite.yaml").write_text(GOOD.replace(old, new))
        return problems(folder)

    return breaking


def problems(folder: Path) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        load_suite(folder)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


class TestAGoodSuite:
    @pytest.fixture
    def suite(self, folder: Path) -> Suite:
        return load_suite(folder)

    def test_is_named_by_its_folder(self, suite: Suite, folder: Path) -> None:
        assert (suite.name, suite.folder, suite.script) == ("shop", folder, "scenario.js")

    def test_has_its_units_parsed_away(self, suite: Suite) -> None:
        order = suite.endpoints["place_order"]
        assert (order.slo.p95_ms, order.slo.p50_ms, order.slo.error_ratio) == (400, None, 0.02)
        assert (order.method, order.path, order.weight) == ("POST", "/orders/{order_id}", 0.5)
        assert (order.metric, order.record) == ("place_order_latency", "place_order")
        assert suite.endpoints["list_products"].slo.p50_ms == 100

    def test_resolves_a_share_of_another_profile(self, suite: Suite) -> None:
        assert suite.profiles["half"].stages == (
            Stage(duration_s=120, rate_per_s=2.5),
            Stage(duration_s=60, rate_per_s=5),
        )

    def test_may_have_users_in_place_of_a_rate(self, suite: Suite) -> None:
        people = suite.profiles["people"]
        assert (people.users, people.pace_s, people.duration_s, people.max_users) == (50, 5, 300, 50)
        assert people.planned_iterations is None

    def test_plans_requests_by_weight(self, suite: Suite) -> None:
        assert suite.planned_requests(suite.profiles["standard"]) == {
            "list_products": 1200,
            "place_order": 300,
        }

    def test_has_targets_with_their_limits(self, suite: Suite) -> None:
        local, staging = suite.targets["local"], suite.targets["staging"]
        assert local.base_url is None
        assert (local.max_requests_per_s, local.max_users, local.max_duration_s) == (100, 60, 600)
        assert staging.base_url == "https://shop.example.com"
        assert staging.headers_from_env == {"Authorization": "SHOP_TOKEN"}
        assert staging.revision is not None
        assert staging.revision.pointer == "/git/sha"

    def test_may_have_a_schedule(self, folder: Path) -> None:
        staging = (
            "schedules: {am: {cron: '30 4 * * mon-fri', timezone: Asia/Taipei, profile: half}}\n    base_url"
        )
        (folder / "suite.yaml").write_text(GOOD.replace("base_url", staging))
        suite = load_suite(folder)
        assert suite.targets["staging"].schedules == (
            Schedule(
                name="am", cron="30 4 * * mon-fri", timezone="Asia/Taipei", profile="half", enabled=False
            ),
        )
        assert suite.targets["local"].schedules == ()

    def test_has_its_policies(self, suite: Suite) -> None:
        assert (suite.baseline.accept, suite.baseline.keep, suite.baseline.minimum) == ("manual", 5, 2)
        assert suite.verdict.tolerance_p95_ratio == 0.15
        assert (suite.verdict.floor_ratio, suite.verdict.floor_ms) == (0.04, 2)
        assert (suite.verdict.runs, suite.baseline.improvements) == (1, "manual")

    def test_is_found_by_its_folder_under_k6(self, folder: Path) -> None:
        assert discover_suites(folder.parents[1]) == {"shop": folder / "suite.yaml"}


class TestKeys:
    def test_an_unknown_key_is_named_with_what_was_meant(self, breaking: Breaking) -> None:
        assert breaking("p50: 100ms", "p05: 100ms") == [
            "suite.yaml:7: endpoints.list_products.slo: unknown key 'p05'; did you mean 'p95'?"
        ]

    def test_an_unknown_key_at_the_top_is_named_without_a_place(self, breaking: Breaking) -> None:
        assert breaking("description:", "descripton:") == [
            "suite.yaml:1: unknown key 'descripton'; did you mean 'description'?"
        ]

    def test_a_repeated_name_points_to_the_first(self, breaking: Breaking) -> None:
        assert breaking("  half:\n", "  standard:\n") == [
            "suite.yaml:19: profiles.standard: appears twice; the first is on line 14, keep one of them"
        ]

    def test_a_missing_key_comes_with_an_example(self, breaking: Breaking) -> None:
        assert breaking("    method: POST\n", "") == [
            "suite.yaml:8: endpoints.place_order: 'method' is missing; add for example 'method: GET'"
        ]

    def test_a_missing_section_is_one_problem(self, breaking: Breaking) -> None:
        assert breaking("    limits: {requests: 100/s, users: 60, duration: 10m}\n", "") == [
            "suite.yaml:31: targets.local: 'limits' is missing;"
            " add for example 'limits: {requests: 50/s, users: 50, duration: 10m}'"
        ]

    def test_a_list_in_place_of_a_mapping_is_one_problem(self, breaking: Breaking) -> None:
        assert breaking("slo: {p95: 0.4s, errors: 2%}", "slo: [400ms, 2%]") == [
            "suite.yaml:12: endpoints.place_order.slo: is a list; write a mapping with p95, p50, errors"
        ]

    def test_a_key_without_value_is_empty(self, breaking: Breaking) -> None:
        assert breaking("weight: 2", "weight:") == [
            "suite.yaml:6: endpoints.list_products.weight: is empty; write for example 1"
        ]

    def test_a_name_must_do_as_metric_and_label(self, breaking: Breaking) -> None:
        assert breaking("  standard:\n", "  Standard-1:\n")[0] == (
            "suite.yaml:14: profiles: 'Standard-1' is not a name;"
            " use small letters, digits and '_', starting with a letter"
        )

    def test_an_endpoint_cannot_have_the_name_of_the_control(self, breaking: Breaking) -> None:
        assert (
            "suite.yaml:3: endpoints.control: this is the name of the pipeline's own control process;"
            " write another name" in breaking("  list_products:", "  control:")
        )

    def test_two_endpoints_cannot_share_a_record(self, breaking: Breaking) -> None:
        assert breaking("weight: 0.5", "weight: 0.5\n    record: list_products") == [
            "suite.yaml:12: endpoints.place_order.record:"
            " the record 'list_products' is already that of list_products"
        ]

    def test_two_endpoints_cannot_share_a_metric(self, breaking: Breaking) -> None:
        assert breaking("weight: 0.5", "weight: 0.5\n    metric: list_products_latency") == [
            "suite.yaml:12: endpoints.place_order.metric:"
            " the metric 'list_products_latency' is already that of list_products"
        ]


class TestValues:
    def test_a_number_needs_a_unit(self, breaking: Breaking) -> None:
        assert breaking("p95: 200ms", "p95: 200") == [
            "suite.yaml:7: endpoints.list_products.slo.p95: 200 has no unit; write 200ms"
        ]

    def test_a_unit_must_be_one_of_the_quantity(self, breaking: Breaking) -> None:
        assert breaking("duration: 2m\n", "duration: 2days\n") == [
            "suite.yaml:17: profiles.standard.duration: '2days' has the unknown unit 'days';"
            " write one of ms, s, m, min, h"
        ]

    def test_a_duration_is_no_share(self, breaking: Breaking) -> None:
        assert breaking("errors: 1%", "errors: 1ms") == [
            "suite.yaml:7: endpoints.list_products.slo.errors: '1ms' has the unknown unit 'ms';"
            " write one of %"
        ]

    def test_a_rate_must_be_above_zero(self, breaking: Breaking) -> None:
        assert breaking("rate: 5/s", "rate: 0/s") == [
            "suite.yaml:16: profiles.standard.rate: 0/s must be above zero"
        ]

    def test_a_count_must_not_be_negative(self, breaking: Breaking) -> None:
        assert breaking("max_users: 50", "max_users: -5") == [
            "suite.yaml:18: profiles.standard.max_users: -5 must be above zero"
        ]

    def test_load_must_last_as_long_as_k6_wants(self, breaking: Breaking) -> None:
        assert breaking("duration: 2m\n", "duration: 500ms\n") == [
            "suite.yaml:17: profiles.standard.duration: 500ms is too short; k6 takes 1s or more"
        ]

    @pytest.mark.parametrize(
        ("good", "bad", "sentence"),
        [
            ("duration: 1m}", f"duration: {NINES}s}}", "is too large; the largest is 1000000000s"),
            ("duration: 5m", "duration: 1000h", "1000h is too long; the longest is 720h"),
            ("weight: 2", f"weight: {NINES}", "is too large; the most calls per iteration are 1000"),
            ("requests: 100/s", f"requests: {NINES}/s", "is too large; the largest is 1000000000/s"),
            ("keep: 5", f"keep: {NINES}", "is too large; the largest is 1000000000"),
            ("p50: 100ms", f"p50: {NINES}ms", "is too large; the largest is 1000000000ms"),
            ("p95: 15%", "p95: 100%", "100% would call every change unchanged; write less than 100%"),
        ],
    )
    def test_has_an_end(self, breaking: Breaking, good: str, bad: str, sentence: str) -> None:
        (problem,) = breaking(good, bad)
        assert problem.startswith("suite.yaml:")
        assert problem.endswith(sentence)
        assert len(problem) < 150

    @pytest.mark.parametrize("metric", ["http_req_duration", "api_errors", "request_failed", "iterations"])
    def test_a_metric_is_not_one_that_k6_or_the_pipeline_makes(self, breaking: Breaking, metric: str) -> None:
        assert breaking("weight: 2", f"weight: 2\n    metric: {metric}") == [
            f"suite.yaml:7: endpoints.list_products.metric: '{metric}' is a metric that k6 or the pipeline"
            " makes itself; write another name"
        ]

    def test_p50_cannot_be_above_p95(self, breaking: Breaking) -> None:
        assert breaking("p50: 100ms", "p50: 300ms") == [
            "suite.yaml:7: endpoints.list_products.slo.p50: 300ms is above the p95 of 200ms, which cannot be;"
            " swap them or lower p50"
        ]

    def test_a_method_is_one_of_http(self, breaking: Breaking) -> None:
        assert breaking("method: GET", "method: get") == [
            "suite.yaml:4: endpoints.list_products.method: 'get' is not a method;"
            " write one of GET, POST, PUT, PATCH, DELETE"
        ]

    @pytest.mark.parametrize(
        ("path", "sentence"),
        [
            ("products", "'products' must start with one '/'"),
            ("//evil.example.com/", "'//evil.example.com/' must start with one '/'"),
            (
                "http://x.example.com/p",
                "'http://x.example.com/p' names a host; write the path alone, the target says where it is",
            ),
            ("/a b", "'/a b' contains a space; write %20"),
            ("/p/{id", "'/p/{id' has a broken placeholder; write for example {room_code}"),
        ],
    )
    def test_a_path_is_a_path_and_no_more(self, breaking: Breaking, path: str, sentence: str) -> None:
        assert breaking("/products?page=1", f'"{path}"') == [
            f"suite.yaml:5: endpoints.list_products.path: {sentence}"
        ]


class TestProfiles:
    def test_a_share_needs_a_profile_that_exists(self, breaking: Breaking) -> None:
        assert breaking("50% of standard", "50% of standrad") == [
            "suite.yaml:22: profiles.half.stages[0].rate: there is no profile 'standrad';"
            " did you mean 'standard'?"
        ]

    def test_a_share_needs_a_profile_with_a_rate(self, breaking: Breaking) -> None:
        assert breaking("50% of standard", "50% of people") == [
            "suite.yaml:22: profiles.half.stages[0].rate: profile 'people' has no rate of its own to take a"
            " share of; name one that has"
        ]

    def test_a_profile_has_one_form(self, breaking: Breaking) -> None:
        assert breaking("rate: 5/s", "rate: 5/s\n    users: 5")[0] == (
            "suite.yaml:14: profiles.standard: says how much load in no form or in two:"
            " write either rate and duration, or stages, or users, pace and duration"
        )

    def test_users_need_a_pace(self, breaking: Breaking) -> None:
        assert breaking("    pace: 5s\n", "") == [
            "suite.yaml:25: profiles.people: has users without a pace, so that nothing bounds their requests;"
            " add for example 'pace: 5s'"
        ]

    def test_each_endpoint_gets_enough_samples(self, breaking: Breaking) -> None:
        assert breaking("duration: 2m\n", "duration: 1m\n") == [
            "suite.yaml:14: profiles.standard: plans 150 requests of place_order, fewer than the 200 that its"
            " min_samples ask for: make it longer, raise the rate or lower min_samples"
        ]

    def test_fewer_samples_may_be_asked_for(self, folder: Path) -> None:
        shorter = GOOD.replace("duration: 2m\n", "duration: 1m\n    min_samples: {p95: 150}\n")
        (folder / "suite.yaml").write_text(shorter)
        assert load_suite(folder).profiles["standard"].min_samples.p95 == 150


class TestTargets:
    def test_an_address_must_be_on_the_list(self, breaking: Breaking) -> None:
        assert breaking("base_url: https://shop.example.com", "base_url: https://www.example.com") == [
            "suite.yaml:36: targets.staging.base_url: https://www.example.com is not in allowed_origins;"
            " add it there if load may go to it"
        ]

    @pytest.mark.parametrize(
        ("origin", "sentence"),
        [
            (
                "https://shop.example.com/api",
                "'https://shop.example.com/api' is more than an origin or not in its exact form;"
                " write https://shop.example.com",
            ),
            (
                "https://*.example.com",
                "'https://*.example.com' is not an origin; write for example https://staging.example.com",
            ),
            (
                "shop.example.com",
                "'shop.example.com' is not an origin; write for example https://staging.example.com",
            ),
        ],
    )
    def test_an_origin_is_exact(self, breaking: Breaking, origin: str, sentence: str) -> None:
        assert breaking("  - https://shop.example.com", f'  - "{origin}"')[-1] == (
            f"suite.yaml:42: allowed_origins[0]: {sentence}"
        )

    def test_a_target_is_started_or_has_an_address(self, breaking: Breaking) -> None:
        assert breaking(f"    start: {REFERENCE_BACKEND}\n", "") == [
            "suite.yaml:31: targets.local: needs either 'start: reference-backend' or a base_url,"
            " and not both"
        ]

    def test_a_secret_is_named_not_written(self, breaking: Breaking) -> None:
        assert breaking("SHOP_TOKEN", "Bearer-abc") == [
            "suite.yaml:39: targets.staging.headers_from_env.Authorization: 'Bearer-abc' is not the name of"
            " an environment variable; the value itself never goes here"
        ]


class TestTheControl:
    """A process with fixed work that is loaded beside the target."""

    def test_is_on_where_the_target_is_on_this_machine_and_off_elsewhere(self, folder: Path) -> None:
        (folder / "suite.yaml").write_text(
            GOOD.replace(
                "allowed_origins:\n",
                "  own:\n    base_url: http://127.0.0.1:8000\n    health: /health\n"
                "    limits: {requests: 50/s, users: 60, duration: 10m}\n"
                "allowed_origins:\n  - http://127.0.0.1:8000\n",
            )
        )
        targets = load_suite(folder).targets
        assert {name: one.control for name, one in targets.items()} == {
            "local": True,
            "own": True,
            "staging": False,
        }

    @pytest.mark.parametrize(
        ("text", "control"),
        [("true", True), ("false", False), ("https://shop.example.com", "https://shop.example.com")],
    )
    def test_can_be_said(self, folder: Path, text: str, control: bool | str) -> None:
        staged = GOOD.replace("    revision: {", f"    control: {text}\n    revision: {{")
        (folder / "suite.yaml").write_text(staged)
        assert load_suite(folder).targets["staging"].control == control

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "sometimes",
                "'sometimes' is neither true nor false,"
                " nor the origin of a control that runs beside the target",
            ),
            (
                "https://other.example.com",
                "https://other.example.com is not in allowed_origins; add it there if load may go to it",
            ),
            (
                "https://shop.example.com/control",
                "'https://shop.example.com/control' is more than an origin or not in its exact form;"
                " write https://shop.example.com",
            ),
        ],
    )
    def test_is_strict_about_what_is_said(self, breaking: Breaking, text: str, sentence: str) -> None:
        broken = breaking("    revision: {", f"    control: {text}\n    revision: {{")
        assert broken == [f"suite.yaml:38: targets.staging.control: {sentence}"]


class TestSchedules:
    @pytest.fixture
    def scheduling(self, breaking: Breaking) -> Callable[..., list[str]]:
        def scheduling(cron: str = "0 4 * * *", timezone: str = "UTC", profile: str = "half") -> list[str]:
            schedule = f"schedules: {{am: {{cron: '{cron}', timezone: {timezone}, profile: {profile}}}}}"
            return breaking("    base_url:", f"    {schedule}\n    base_url:")

        return scheduling

    @pytest.mark.parametrize(
        ("cron", "sentence"),
        [
            ("0 4 * *", "is not a schedule"),
            ("@daily", "is not a schedule"),
            ("0 0 4 * * *", "is not a schedule"),
            ("0 4 L * *", "is not a schedule"),
            ("0 4 * * 5L", "is not a schedule"),
            ("61 4 * * *", "is not a schedule: bad minute"),
            ("0 4 30 2 *", "is not a schedule: bad day-of-month"),
        ],
    )
    def test_are_of_the_five_fields_of_cron(
        self, scheduling: Callable[..., list[str]], cron: str, sentence: str
    ) -> None:
        assert scheduling(cron=cron) == [
            f"suite.yaml:36: targets.staging.schedules.am.cron: '{cron}' {sentence};"
            " write minute, hour, day, month and weekday, for example 0 4 * * *"
        ]

    @pytest.mark.parametrize(
        ("timezone", "advice"),
        [
            ("Europe/Berln", "did you mean 'Europe/Berlin'?"),
            ("+08:00", "write for example Europe/Berlin"),
        ],
    )
    def test_are_in_a_time_zone_that_exists(
        self, scheduling: Callable[..., list[str]], timezone: str, advice: str
    ) -> None:
        assert scheduling(timezone=timezone) == [
            f"suite.yaml:36: targets.staging.schedules.am.timezone: '{timezone}' is not a time zone; {advice}"
        ]

    def test_name_a_profile(self, scheduling: Callable[..., list[str]]) -> None:
        assert scheduling(profile="standrad") == [
            "suite.yaml:36: targets.staging.schedules.am.profile: there is no profile 'standrad';"
            " did you mean 'standard'?"
        ]

    def test_leave_time_for_the_load(self, scheduling: Callable[..., list[str]]) -> None:
        assert scheduling(cron="*/5 * * * *", profile="people") == [
            "suite.yaml:36: targets.staging.schedules.am.cron: '*/5 * * * *' comes after 300 s, but the load"
            " of people alone takes 310 s; let it come less often or name a shorter profile"
        ]

    def test_are_complete(self, breaking: Breaking) -> None:
        assert breaking(
            "    base_url:", "    schedules: {am: {cron: 0 4 * * *, profile: half}}\n    base_url:"
        ) == [
            "suite.yaml:36: targets.staging.schedules.am: 'timezone' is missing;"
            " add for example 'timezone: UTC'"
        ]


class TestTheScript:
    def test_must_call_every_endpoint(self, folder: Path) -> None:
        (folder / "scenario.js").write_text("perform('list_products', f); // perform('place_order', f)\n")
        assert problems(folder) == [
            "suite.yaml:8: endpoints.place_order: scenario.js never calls it; call perform('place_order',"
            " ...) there, or remove the endpoint and its SLO"
        ]

    def test_must_call_nothing_else(self, folder: Path) -> None:
        (folder / "scenario.js").write_text(SCRIPT + "/* one\n two */\nperform('place_ordr', f);\n")
        assert problems(folder) == [
            "scenario.js:5: calls 'place_ordr', which is not in endpoints of the suite;"
            " did you mean 'place_order'?"
        ]

    @pytest.mark.parametrize("part", ["orders.js", "parts/orders.js"])
    def test_may_be_split_into_files_of_the_folder_and_below(self, folder: Path, part: str) -> None:
        (folder / part).parent.mkdir(exist_ok=True)
        (folder / part).write_text("perform('place_order', f);\n")
        (folder / "scenario.js").write_text(f"import './{part}';\nperform('list_products', f);\n")
        assert load_suite(folder).script == "scenario.js"

    def test_must_call_an_endpoint_and_not_only_name_it(self, folder: Path) -> None:
        (folder / "scenario.js").write_text("perform('list_products', f); const name = 'place_order';\n")
        assert problems(folder)[0].startswith("suite.yaml:8: endpoints.place_order: scenario.js never calls")

    def test_may_compute_what_it_calls(self, folder: Path) -> None:
        (folder / "scenario.js").write_text("for (const name of names) perform(name, f);\n")
        assert set(load_suite(folder).endpoints) == {"list_products", "place_order"}

    def test_is_utf_8(self, folder: Path) -> None:
        (folder / "scenario.js").write_bytes(SCRIPT.encode() + b"// f\xfcr alle\n")
        assert problems(folder) == ["scenario.js:3: is not UTF-8, as k6 wants it; save it as UTF-8"]

    def test_must_be_there(self, breaking: Breaking) -> None:
        assert breaking("endpoints:\n", "script: load.js\nendpoints:\n") == [
            "suite.yaml:2: script: 'load.js' is not in the suite's folder; write it or name another"
        ]

    def test_lies_in_the_folder(self, breaking: Breaking) -> None:
        assert breaking("endpoints:\n", "script: ../other/load.js\nendpoints:\n") == [
            "suite.yaml:2: script: '../other/load.js' is not a script in the suite's folder;"
            " write for example scenario.js"
        ]

    def test_a_weight_of_zero_means_that_it_is_never_called(self, breaking: Breaking) -> None:
        assert breaking("weight: 2", "weight: 0")[0] == (
            "suite.yaml:6: endpoints.list_products.weight: 0 means that the scenario never calls it: raise"
            " it, or remove the endpoint and its SLO"
        )


class TestTheFile:
    def test_all_problems_are_named_by_line(self, folder: Path) -> None:
        broken = GOOD.replace("p95: 200ms", "p95: 200").replace("method: POST", "method: SEND")
        (folder / "suite.yaml").write_text(broken.replace("pace: 5s", "pace: 5"))
        assert [problem.split(": ")[0] for problem in problems(folder)] == [
            "suite.yaml:7",
            "suite.yaml:9",
            "suite.yaml:28",
        ]

    def test_may_be_missing(self, folder: Path) -> None:
        (folder / "suite.yaml").unlink()
        assert problems(folder) == [
            "suite.yaml:1: there is no such file; a suite is a folder k6/<name> with suite.yaml"
        ]

    def test_may_be_no_yaml(self, folder: Path) -> None:
        (folder / "suite.yaml").write_text("description: x\nendpoints: {a: [}\n")
        assert len(problems(folder)) == 1
        assert problems(folder)[0].startswith("suite.yaml:2: is not YAML: ")

    @pytest.mark.parametrize(
        ("text", "line"),
        [("description: x\nendpoints: " + "[" * 3000 + "]" * 3000, 2), (DEEP_BLOCK, 21)],
        ids=["brackets", "lines"],
    )
    def test_may_be_nested_without_end(self, folder: Path, text: str, line: int) -> None:
        (folder / "suite.yaml").write_text(text)
        assert problems(folder) == [
            f"suite.yaml:{line}: is nested too deeply for a suite; is a bracket open?"
        ]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("? [a]\n: b\n" + GOOD, "has a list as a key; write a word"),
            ("# nothing\n", "is empty; start from k6/multiplayer/suite.yaml"),
            (
                "- a\n",
                "must be a mapping with description, script, endpoints, profiles, targets, allowed_origins,"
                " baseline, verdict, archive, owners",
            ),
        ],
    )
    def test_may_hold_something_else(self, folder: Path, text: str, sentence: str) -> None:
        (folder / "suite.yaml").write_text(text)
        assert problems(folder) == [f"suite.yaml:1: {sentence}"]
