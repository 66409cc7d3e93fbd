// Names that k6 and the pipeline must agree on: the same as in perf_pipeline/conventions.py (a test compares).

export const TAG_TEST_ID = 'testid';
export const TAG_SUITE = 'suite';
export const TAG_TARGET = 'target';
export const TAG_PROFILE = 'profile';
export const TAG_ENDPOINT = 'endpoint';
export const TAG_PHASE = 'phase';
export const PHASE_WARMUP = 'warmup';
export const PHASE_MEASURE = 'measure';
export const PHASE_SETUP = 'setup';

export const METRIC_ERRORS = 'api_errors';
export const METRIC_ERROR_DURATION = 'api_error_duration';
export const METRIC_FAILED = 'request_failed';

export const CONTROL = 'control';
export const CONTROL_WARMUP = 'control_warmup';
export const CONTROL_MEASURE = 'control_measure';
export const CONTROL_PATH = '/control';
export const CONTROL_ANSWER = '07df11314a0620e7';
export const METRIC_CONTROL = 'control_latency';
export const METRIC_CONTROL_REQUESTS = 'control_requests';

export const ENV_BASE_URL = 'BASE_URL';
export const ENV_PROFILE = 'PERF_PROFILE';
export const ENV_IN_PIPELINE = 'PERF_PIPELINE';
export const ENV_SECRET_HEADERS = 'PERF_SECRET_HEADERS';
export const ENV_CONTROL_URL = 'PERF_CONTROL_URL';
export const ENV_RUN_ID = 'PERF_RUN_ID';
