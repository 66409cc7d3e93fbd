// Helpers for setup(): is the target there, and what the journey needs on it. Its requests are never measured.

import http from 'k6/http';
import { sleep } from 'k6';
import { describe, send } from './client.js';
import * as names from './names.js';

const ATTEMPTS = 3;
// The target's cap on requests holds for set-up, too. (k6's own --rps would hold it for the load as well, but by
// spacing all requests evenly: it delays those of a load far below the cap.)
const SLICE_S = 0.1; // so many requests at once as the cap allows in this time; k6 sends up to 20 side by side

/** Throws one sentence when the target does not answer its health path with 200. */
export function requireHealthy(plan) {
  const endpoint = { name: 'health', method: 'GET', path: plan.target.health_path };
  const response = send(plan, endpoint, {}, setupTags(endpoint));
  if (response.status !== 200) {
    throw new Error(
      `the target at ${plan.baseUrl} is not healthy: GET ${endpoint.path} gave ${describeAnswer(response)}. ` +
        `Start it, or set ${names.ENV_BASE_URL} to where it is.`,
    );
  }
}

/**
 * Sends one request per element of `wanted` ({path, body, headers}) and returns the answers in the same order:
 * parsed JSON, or null where it failed. Those that failed are tried again (`attempts` times in all). No faster
 * than the target's limits allow.
 */
export function prepare(plan, endpoint, wanted, { attempts = ATTEMPTS } = {}) {
  const answers = wanted.map(() => null);
  const perSecond = plan.target.max_requests_per_s;
  const slice = Math.max(1, Math.floor(perSecond * SLICE_S));
  let open = wanted.map((_, index) => index);
  for (let attempt = 0; attempt < attempts && open.length > 0; attempt++) {
    for (let start = 0; start < open.length; start += slice) {
      const began = Date.now();
      const part = open.slice(start, start + slice);
      const requests = part.map((index) => {
        const { url, body, params } = describe(plan, endpoint, wanted[index], setupTags(endpoint));
        return [endpoint.method, url, body, params];
      });
      http.batch(requests).forEach((response, position) => {
        answers[part[position]] = parsed(response);
      });
      sleep(Math.max(0, part.length / perSecond - (Date.now() - began) / 1000));
    }
    open = open.filter((index) => answers[index] === null);
  }
  return answers;
}

/** Like prepare, but throws one sentence when anything is still missing. */
export function prepareAll(plan, endpoint, wanted) {
  const answers = prepare(plan, endpoint, wanted);
  const missing = answers.filter((answer) => answer === null).length;
  if (missing > 0) {
    throw new Error(
      `set-up could not prepare the load: ${missing} of ${wanted.length} requests ` +
        `${endpoint.method} ${endpoint.path} to ${plan.baseUrl} failed ${ATTEMPTS} times. See the target's log.`,
    );
  }
  return answers;
}

/** Distinguishes this run's data from every other's on the same target. */
export function runId() {
  return __ENV[names.ENV_RUN_ID] || `run-${Date.now()}`;
}

function setupTags(endpoint) {
  return { [names.TAG_ENDPOINT]: endpoint.name, [names.TAG_PHASE]: names.PHASE_SETUP };
}

function parsed(response) {
  if (response.status < 200 || response.status > 299) {
    return null;
  }
  try {
    return response.json();
  } catch (_) {
    return null;
  }
}

function describeAnswer(response) {
  return response.status === 0 ? `no answer (${response.error || 'refused'})` : `status ${response.status}`;
}
