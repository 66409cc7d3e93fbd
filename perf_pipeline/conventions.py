"""Every metric, label, tag and file name that two parts of the pipeline must agree on.

The k6 library (``k6/lib``) spells the same names in JavaScript; a test keeps the two together.
"""

from __future__ import annotations

from hashlib import sha256

# Tags that k6 puts on samples, labels that Prometheus stores.
TAG_TEST_ID = "testid"
TAG_SUITE = "suite"
TAG_TARGET = "target"
TAG_PROFILE = "profile"
TAG_ENDPOINT = "endpoint"
TAG_PHASE = "phase"
PHASE_WARMUP = "warmup"
PHASE_MEASURE = "measure"
PHASE_SETUP = "setup"  # requests that prepare the load; never judged

# A process of ours with fixed work, loaded in the same run, which says how fast the machine was. A run's
# samples and the judge know it by this name; it is no endpoint of any suite.
CONTROL = "control"
NO_CONTROL = "none"  # in the fingerprint of a run without one
# Its requests have a phase of their own, so that nothing that counts the measured phase counts them too; the
# scenario tells those of the warm-up from the measured ones.
PHASE_CONTROL = "control"
CONTROL_WARMUP = "control_warmup"
CONTROL_MEASURE = "control_measure"
CONTROL_PATH = "/control"
CONTROL_ANSWER = "07df11314a0620e7"  # what the work gives; a control that answers otherwise does other work
METRIC_CONTROL = "control_latency"  # Trend (time): its requests with that answer
METRIC_CONTROL_REQUESTS = "control_requests"  # Counter: all of them

# k6 metrics. An endpoint's own Trend is named by the suite (default below) and holds successes only.
METRIC_ERRORS = "api_errors"  # Counter: one per request without the expected answer
METRIC_ERROR_DURATION = "api_error_duration"  # Trend (time): how long such a request took
METRIC_FAILED = "request_failed"  # Rate over all measured requests; feeds the circuit breaker
METRIC_HTTP_REQS = "http_reqs"
METRIC_ITERATIONS = "iterations"
METRIC_DROPPED = "dropped_iterations"
METRIC_VUS = "vus"

# What an endpoint's own Trend cannot be called: what the library (above) and k6 itself (below) measure.
RESERVED_METRICS = frozenset(
    [METRIC_ERRORS, METRIC_ERROR_DURATION, METRIC_FAILED, METRIC_HTTP_REQS, METRIC_ITERATIONS, METRIC_DROPPED]
    + [METRIC_VUS, "vus_max", "iteration_duration", "group_duration", "checks", "data_sent", "data_received"]
    + [f"http_req_{part}" for part in ("duration", "failed", "blocked", "connecting", "tls_handshaking")]
    + [f"http_req_{part}" for part in ("sending", "waiting", "receiving")]
    + [f"ws_{part}" for part in ("connecting", "session_duration", "sessions", "ping")]
    + ["ws_msgs_sent", "ws_msgs_received", "grpc_req_duration", METRIC_CONTROL, METRIC_CONTROL_REQUESTS]
)

# Exit codes of k6 that decide something; load.exit_codes says what the others mean.
K6_FINISHED = 0
# A threshold was crossed, and in the pipeline that is the circuit breaker's; whether it ended the load or was
# only crossed at the end, LoadResult.breaker_tripped tells.
K6_THRESHOLDS_FAILED = 99
K6_INTERRUPTED = 105
K6_ENDED = (K6_FINISHED, K6_THRESHOLDS_FAILED)


def default_metric(endpoint: str) -> str:
    """Name of the k6 Trend that holds the latency of one endpoint's successful requests."""
    return f"{endpoint}_latency"


def prometheus_trend(metric: str) -> str:
    """A time Trend of k6 as Prometheus stores it: in seconds, as a native histogram."""
    return f"k6_{metric}_seconds"


def prometheus_counter(metric: str) -> str:
    """A Counter of k6 as Prometheus stores it."""
    return f"k6_{metric}_total"


# One sample per run, written by the pipeline itself. Labels: those of the run (testid, suite, target,
# profile), ``endpoint`` where it is one endpoint's, and the one named here.
RUN_LATENCY = "perf_run_latency_seconds"  # quantile
RUN_OBJECTIVE = "perf_run_objective_seconds"  # quantile; only those that are promised
RUN_REQUESTS = "perf_run_requests"
RUN_ERRORS = "perf_run_errors"
RUN_NOISE = "perf_run_noise_ratio"  # quantile: how much identical runs differ
RUN_CHANGE = "perf_run_change_ratio"  # quantile: candidate / baseline - 1
RUN_VERDICT = "perf_run_verdict"  # verdict: 1 for the one that holds; 0 for one that was taken back
RUN_SLO_MET = "perf_run_slo_met"  # 1 or 0; absent without data and in an invalid run
RUN_OUTCOME = "perf_run_outcome"  # outcome: as verdict
RUN_ACCEPTED = "perf_run_accepted"  # 1: it is in the baseline
RUN_INVALID_OF_LAST = "perf_run_invalid_of_last"  # invalid ones among the last RUNS_LOOKED_AT, it included
RUN_DURATION = "perf_run_duration_seconds"  # from k6's start to its end, which is the sample's time
# While the load runs, every few seconds:
RUN_PLANNED_RATE = "perf_run_planned_rate"  # requests per second that the plan holds at this moment
RUN_BASELINE = "perf_run_baseline_seconds"  # quantile, bound: low, mid, high of the baseline's runs
RUN_TARGET_INFO = "perf_run_target_info"  # revision: 1
LABEL_QUANTILE = "quantile"
LABEL_VERDICT = "verdict"
LABEL_OUTCOME = "outcome"
LABEL_BOUND = "bound"
LABEL_REVISION = "revision"
LABEL_SCHEDULE = "schedule"  # of an alert: by which the run was due
RUNS_LOOKED_AT = 5


# Records: what Prometheus computes of a run while it goes on. Their meaning: docs/monitoring.md.
# Of each run (labels testid, suite, target and, but for the first, endpoint):
LIVE_RUNNING = "perf_live:running"  # users; there only while k6 is at work
LIVE_HTTP_REQS = "perf_live:http_reqs"  # cumulative; also name, method, status
LIVE_API_ERRORS = "perf_live:api_errors"  # cumulative
LIVE_REQUESTS = "perf_live:requests"  # of the last minute
LIVE_ERRORS = "perf_live:errors"  # of the last minute
LIVE_ERROR_RATIO = "perf_live:error_ratio"
LIVE_LATENCY = "perf_live:latency_seconds"  # quantile
# Of each endpoint (labels suite, target, endpoint): with two runs at once the worse one counts.
SLO_OBJECTIVE = "slo:latency:objective_seconds"  # quantile
SLO_GOOD = "slo:latency:good_ratio"  # quantile: share of successful requests within its objective
SLO_ERRORS = "slo:errors:objective_ratio"
SLO_MET = "slo:met"  # quantile: 1 or 0
HTTP_REQ_RATE = "http_req_rate:by_endpoint"
HTTP_SUCCESS_RATE = "http_success_rate:by_endpoint"
HTTP_ERROR_RATE = "http_error_rate:by_endpoint"
# k6's own names, for queries that were written for them (labels name, status, method, testid, suite, target):
HTTP_REQS = "http_reqs"
HTTP_REQ_DURATION = "http_req_duration"
HTTP_REQ_FAILED = "http_req_failed"
LABEL_NAME = "name"
LABEL_METHOD = "method"
LABEL_STATUS = "status"
RULES_FOLDER = "monitoring/prometheus/rules"
RUNBOOK = "docs/runbook.md"


def latency_record(metric: str, percent: int) -> str:
    """p50 or p95 of one endpoint's successful requests over the last minute, in milliseconds."""
    return f"{metric}:p{percent}"


def slo_record(record: str, p95_ms: float) -> str:
    """Whether an endpoint's p95 is within its objective, as the metric that carries no label."""
    number = f"{p95_ms:.6f}".rstrip("0").rstrip(".").replace(".", "_")
    return f"slo:{record}:p95_under_{number}ms"


# Why a request failed, where the pipeline itself acts on it (``LoadResult.errors_by_kind``).
KIND_BLOCKED = "blocked address"  # k6 was told to call nothing but the target's address
KIND_TIMEOUT = "timeout"
REQUEST_TIMEOUT_S = 10.0  # the k6 library gives a request up after it

# Environment of the scenario (read as __ENV in k6).
ENV_BASE_URL = "BASE_URL"
ENV_PROFILE = "PERF_PROFILE"
ENV_CONTROL_URL = "PERF_CONTROL_URL"  # where the control is; not set: none is loaded
ENV_RUN_ID = "PERF_RUN_ID"  # tells this run's data on the target from every other's
ENV_IN_PIPELINE = "PERF_PIPELINE"  # "1": only the circuit breaker is active, objectives are judged later
# JSON: header -> name of the environment variable with its value.
ENV_SECRET_HEADERS = "PERF_SECRET_HEADERS"  # noqa: S105 - the name of a variable, not a secret

# Files. A suite's folder:
SUITE_FILE = "suite.yaml"
SUITE_JSON = "suite.json"  # generated from suite.yaml for k6, which reads no YAML

# A run's folder, <home>/runs/<run id>/:
RAW_SAMPLES = "k6-samples.csv.gz"
SAMPLES = "samples.parquet"
K6_LOG = "k6.log"
K6_CONFIG = "k6-config.json"  # what k6 takes from neither its command line nor its environment
SNAPSHOT_SERIES = "prometheus-series.json"
TOLD_SAMPLES = "prometheus-told.json"  # the samples per run that Prometheus was told, as it holds them
REPORT_HTML = "report.html"
REPORT_MARKDOWN = "report.md"
REPORT_JSON = "report.json"
REPORT_JUNIT = "report.junit.xml"
REPORT_COMPARISON = "comparison.md"  # before and after, endpoint by endpoint
OUTCOME_JSON = "outcome.json"  # how a run without a record ended, where the store could not have it
RUN_JSON = "run.json"  # the run as the store has it; an archive always holds it
VALUES_FOLDER = "values"  # what the Dagster steps hand to each other
# What makes it readable and repeatable years later (docs/run-folder.md):
SUITE_COPY = "suite"  # k6/<suite> and k6/lib as they ran: a project of its own
VERSIONS = "versions.json"
TSDB_FOLDER = "tsdb"  # the blocks of the run's own Prometheus that hold its time
TSDB_INFO = "tsdb.json"  # which blocks those are, and what to ask them
RUN_DASHBOARDS = "dashboards"  # of this run and no other
EVENTS = "dagster-events.jsonl"
MISSING = "missing.json"  # what could not be kept, and why

# The home folder (PERF_PIPELINE_HOME, default .perf-pipeline in the project):
ENV_ROOT = "PERF_PIPELINE_ROOT"
ENV_HOME = "PERF_PIPELINE_HOME"
ENV_TOOLS = "PERF_PIPELINE_TOOLS"
ENV_STORE_URL = "PERF_PIPELINE_STORE_URL"
ENV_LOCK = "PERF_PIPELINE_LOCK"  # file that lets one benchmark at a time run on a machine; default: in /tmp
ENV_ARCHIVE = "PERF_PIPELINE_ARCHIVE"  # folder or URL of the archives; default: <home>/archive
ENV_PROMETHEUS_URL = "PERF_PIPELINE_PROMETHEUS_URL"  # use this Prometheus, start none
DEFAULT_HOME = ".perf-pipeline"
STORE_FILE = "store.sqlite"
ARCHIVE_FOLDER = "archive"

# Grafana. Dashboards and the provisioned data source know each other by these.
GRAFANA_UID_LENGTH = 40
GRAFANA_DATASOURCE = "perf-pipeline-prometheus"  # uid, in monitoring/grafana/provisioning too
DASHBOARDS_FOLDER = "monitoring/grafana/dashboards"
ENV_GRAFANA_URL = "PERF_PIPELINE_GRAFANA_URL"  # set: reports and Dagster runs link to their dashboard
GRAFANA_URL = "http://127.0.0.1:3001"  # where alerts look for a dashboard
DAGSTER_URL = "http://127.0.0.1:3000"  # where dashboards look for the Dagster run of a testid
BENCHMARK, RUN, TREND = "benchmark", "run", "trend"  # a suite's dashboards
PIPELINE_HEALTH = "pipeline-health"  # one for all suites


def dashboard_uid(suite: str, kind: str) -> str:
    """Stable, and within the 40 characters that Grafana allows."""
    uid = f"perf-{suite}-{kind}"
    if len(uid) <= GRAFANA_UID_LENGTH:
        return uid
    digest = sha256(suite.encode()).hexdigest()[:8]
    return f"perf-{suite[: GRAFANA_UID_LENGTH - len(kind) - 15]}-{digest}-{kind}"


# Exit codes of the command line, one per outcome (see core.model.Outcome).
EXIT_INTERNAL = 1
EXIT_CONFIGURATION = 2
