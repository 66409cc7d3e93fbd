// What this run is to do: suite.json (generated from suite.yaml) and the environment. Runs in k6's init context.

import * as names from './names.js';

const DEFAULT_PROFILE = 'smoke';
const DEFAULT_BASE_URL = 'http://127.0.0.1:8000';
const LOOPBACK = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * @param suite the parsed suite.json
 * @returns {{suite, profile, profileName, target, targetName, baseUrl, inPipeline, headers}}
 */
export function readPlan(suite) {
  const inPipeline = __ENV[names.ENV_IN_PIPELINE] === '1';
  const baseUrl = (__ENV[names.ENV_BASE_URL] || DEFAULT_BASE_URL).replace(/\/+$/, '');
  if (!inPipeline && !LOOPBACK.test(baseUrl) && !suite.allowed_origins.includes(baseUrl)) {
    // The pipeline has checked it already, with its own view of what is local.
    throw new Error(
      `${names.ENV_BASE_URL} ${baseUrl} is not in allowed_origins of suite ${suite.suite}: ` +
        'add it to suite.yaml and run perf-pipeline generate if load may go there.',
    );
  }
  const profileName = __ENV[names.ENV_PROFILE] || defaultProfile(suite);
  const profile = suite.profiles[profileName];
  if (!profile) {
    throw new Error(
      `${names.ENV_PROFILE} ${profileName} is not a profile of suite ${suite.suite}: ` +
        `there is ${Object.keys(suite.profiles).join(', ')}.`,
    );
  }
  const targetName = findTarget(suite.targets, baseUrl);
  const target = suite.targets[targetName];
  return { suite, profile, profileName, target, targetName, baseUrl, inPipeline, headers: secretHeaders() };
}

function defaultProfile(suite) {
  return suite.profiles[DEFAULT_PROFILE] ? DEFAULT_PROFILE : Object.keys(suite.profiles)[0];
}

/** The target at that address; otherwise the one without an address, which is wherever it was started. */
function findTarget(targets, baseUrl) {
  const all = Object.keys(targets);
  return (
    all.find((name) => targets[name].base_url === baseUrl) ||
    all.find((name) => targets[name].base_url === null) ||
    all[0]
  );
}

/** Header -> value, for every request. Only the names of variables are configured; values stay in the environment. */
function secretHeaders() {
  const variables = JSON.parse(__ENV[names.ENV_SECRET_HEADERS] || '{}');
  const headers = {};
  for (const header of Object.keys(variables)) {
    const value = __ENV[variables[header]];
    if (!value) {
      throw new Error(`the environment variable ${variables[header]} for the header ${header} is not set.`);
    }
    headers[header] = value;
  }
  return headers;
}
