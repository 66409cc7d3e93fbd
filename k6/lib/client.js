// Requests as the pipeline wants them: tagged, judged against the expected answer, and recorded once.

import exec from 'k6/execution';
import http from 'k6/http';
import { sleep } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';
import { callControl, isControl } from './control.js';
import { callsBefore } from './mix.js';
import * as names from './names.js';

export const TIMEOUT_MS = 10000;
const DEFAULT_STATUS = 200;

http.setResponseCallback(http.expectedStatuses({ min: 200, max: 299 }));

/**
 * The client of one scenario script; call it in the init context, where k6 wants metrics to be made.
 *
 * perform(endpoint, build) sends as many requests as the endpoint's weight asks for in this iteration.
 * `build(n)` describes request number n of that endpoint (counted through warm-up and measured phase, so that n
 * is never used twice) and returns
 *   { path: {placeholder: value}, body: object, headers: {}, status: 200, expect: (text) => boolean }
 * of which all are optional. An answer is a success when it has that status and `expect` is true for its
 * body. Returns a list with true or false per request; it never throws, so a failure silences nothing after it.
 */
export function createClient(plan) {
  const errors = new Counter(names.METRIC_ERRORS);
  const errorDuration = new Trend(names.METRIC_ERROR_DURATION, true);
  const failed = new Rate(names.METRIC_FAILED);
  const endpoints = {};
  for (const [name, endpoint] of Object.entries(plan.suite.endpoints)) {
    endpoints[name] = { ...endpoint, name, latency: new Trend(endpoint.metric, true), complained: false };
  }

  function perform(name, build) {
    if (isControl()) {
      return []; // a journey that is not `paced`: the load of the control is not the target's
    }
    const endpoint = endpoints[name];
    const iteration = exec.scenario.iterationInTest;
    const from = callsBefore(iteration, endpoint.weight);
    const to = callsBefore(iteration + 1, endpoint.weight);
    const offset = exec.scenario.name === names.PHASE_MEASURE ? warmupCalls(plan, endpoint.weight) : 0;
    const results = [];
    for (let number = from; number < to; number++) {
      results.push(one(endpoint, build, offset + number));
    }
    return results;
  }

  function one(endpoint, build, number) {
    const tags = { [names.TAG_ENDPOINT]: endpoint.name };
    let duration = 0;
    let ok = false;
    try {
      const wanted = build(number);
      const response = send(plan, endpoint, wanted, tags);
      duration = response.timings.duration;
      ok = response.status === (wanted.status || DEFAULT_STATUS) && isExpected(wanted, response);
    } catch (problem) {
      complainOnce(endpoint, problem);
    }
    if (ok) {
      endpoint.latency.add(duration, tags);
    } else {
      errors.add(1, tags);
      errorDuration.add(duration, tags);
    }
    failed.add(!ok, tags);
    return ok;
  }

  return { perform };
}

/** One request, also for set-up. `endpoint`: {name, method, path}; `tags` go to all its samples. */
export function send(plan, endpoint, wanted, tags) {
  const { url, body, params } = describe(plan, endpoint, wanted, tags);
  return http.request(endpoint.method, url, body, params);
}

/** The parts of a request, as http.request and http.batch want them. */
export function describe(plan, endpoint, wanted, tags) {
  const headers = { ...plan.headers, ...wanted.headers };
  let body = null;
  if (wanted.body !== undefined) {
    body = JSON.stringify(wanted.body);
    headers['Content-Type'] = headers['Content-Type'] || 'application/json';
  }
  return {
    url: plan.baseUrl + fill(endpoint.path, wanted.path || {}),
    body,
    params: {
      headers,
      redirects: 0,
      timeout: TIMEOUT_MS,
      tags: { ...tags, name: endpoint.name }, // one series per endpoint, not one per URL
    },
  };
}

function fill(path, values) {
  return path.replace(/\{(\w+)\}/g, (_, placeholder) => {
    if (values[placeholder] === undefined) {
      throw new Error(`the path ${path} needs a value for ${placeholder}`);
    }
    return encodeURIComponent(values[placeholder]);
  });
}

function isExpected(wanted, response) {
  return !wanted.expect || (typeof response.body === 'string' && wanted.expect(response.body) === true);
}

function warmupCalls(plan, weight) {
  return Math.ceil(plan.profile.max_warmup_iterations * weight);
}

/** An exception is a mistake in the script: worth one line per user, not one per request. */
function complainOnce(endpoint, problem) {
  if (!endpoint.complained) {
    endpoint.complained = true;
    console.error(`${endpoint.name}: ${problem}; it counts as a failed request (said once per user)`);
  }
}

/**
 * Runs one iteration, or one request to the control in its scenario. With a fixed rate k6 starts iterations on time by itself; with fixed users each user is
 * held to one iteration per `pace`, and their first ones are spread evenly over it.
 */
export function paced(plan, iteration) {
  if (isControl()) {
    callControl();
    return;
  }
  const pace = plan.profile.pace_s;
  if (!pace) {
    iteration();
    return;
  }
  if (exec.vu.iterationInScenario === 0) {
    // The scenario's first iterations are those of its users, one each; their ids are shared with other scenarios.
    sleep(((exec.scenario.iterationInTest % plan.profile.max_users) / plan.profile.max_users) * pace);
  }
  const started = Date.now();
  try {
    iteration();
  } finally {
    sleep(Math.max(0, pace - (Date.now() - started) / 1000));
  }
}
