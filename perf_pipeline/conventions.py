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

# k6 metrics. An endpoint's own Trend is named by the suite (default below) and holds successes only.
METRIC_ERRORS = "api_errors"  # Counter: one per request without the expected answer
METRIC_ERROR_DURATION = "api_error_duration"  # Trend (time): how long such a request took
METRIC_FAILED = "request_failed"  # Rate over all measured requests; feeds the circuit breaker
METRIC_HTTP_REQS = "http_reqs"
METRIC_ITERATIONS = "iterations"
METRIC_DROPPED = "dropped_iterations"
METRIC_VUS = "vus"


def default_metric(endpoint: str) -> str:
    """Name of the k6 Trend that holds the latency of one endpoint's successful requests."""
    return f"{endpoint}_latency"


def prometheus_trend(metric: str) -> str:
    """A time Trend of k6 as Prometheus stores it: in seconds, as a native histogram."""
    return f"k6_{metric}_seconds"


def prometheus_counter(metric: str) -> str:
    """A Counter of k6 as Prometheus stores it."""
    return f"k6_{metric}_total"


# Environment of the scenario (read as __ENV in k6).
ENV_BASE_URL = "BASE_URL"
ENV_PROFILE = "PERF_PROFILE"
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
SNAPSHOT_SERIES = "prometheus-series.json"
REPORT_HTML = "report.html"
REPORT_MARKDOWN = "report.md"
REPORT_JSON = "report.json"
REPORT_JUNIT = "report.junit.xml"
VALUES_FOLDER = "values"  # what the Dagster steps hand to each other

# The home folder (PERF_PIPELINE_HOME, default .perf-pipeline in the project):
ENV_ROOT = "PERF_PIPELINE_ROOT"
ENV_HOME = "PERF_PIPELINE_HOME"
ENV_TOOLS = "PERF_PIPELINE_TOOLS"
ENV_STORE_URL = "PERF_PIPELINE_STORE_URL"
ENV_PROMETHEUS_URL = "PERF_PIPELINE_PROMETHEUS_URL"  # use this Prometheus, start none
DEFAULT_HOME = ".perf-pipeline"
STORE_FILE = "store.sqlite"

# Grafana. Dashboards and the provisioned data source know each other by these.
GRAFANA_UID_LENGTH = 40
GRAFANA_DATASOURCE = "perf-pipeline-prometheus"  # uid, in monitoring/grafana/provisioning too
DASHBOARDS_FOLDER = "monitoring/grafana/dashboards"
ENV_GRAFANA_URL = "PERF_PIPELINE_GRAFANA_URL"  # set: reports and Dagster runs link to their dashboard
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
