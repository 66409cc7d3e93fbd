// The control: a process of ours with fixed work, beside the target, that tells a slow machine from a slow
// service. A scenario of its own calls it at a fixed rate; none of its samples has the phase of a measured request.

import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import * as names from './names.js';

const TIMEOUT = '1s'; // its work takes milliseconds; users that wait longer would only be more users
const TAGS = { [names.TAG_ENDPOINT]: names.CONTROL, name: names.CONTROL };

const latency = new Trend(names.METRIC_CONTROL, true);
const requests = new Counter(names.METRIC_CONTROL_REQUESTS);

/** The scenarios that call it; none without one. */
export function controlScenarios(plan) {
  return __ENV[names.ENV_CONTROL_URL] ? plan.profile.control.scenarios : {};
}

export function isControl() {
  return [names.CONTROL_WARMUP, names.CONTROL_MEASURE].includes(exec.scenario.name);
}

/** One request. It counts as a success with the answer that its work gives, and with nothing else. */
export function callControl() {
  const url = __ENV[names.ENV_CONTROL_URL] + names.CONTROL_PATH;
  const response = http.get(url, { redirects: 0, timeout: TIMEOUT, tags: TAGS });
  requests.add(1, TAGS);
  if (response.status === 200 && response.body === names.CONTROL_ANSWER) {
    latency.add(response.timings.duration, TAGS);
  }
}
