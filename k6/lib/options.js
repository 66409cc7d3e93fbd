// k6's options for a plan.

import { controlScenarios } from './control.js';
import * as names from './names.js';

const SETUP_TIMEOUT = '5m';

export function optionsFor(plan) {
  const options = {
    scenarios: { ...plan.profile.scenarios, ...controlScenarios(plan) },
    thresholds: plan.inPipeline ? breaker(plan) : { ...breaker(plan), ...objectives(plan.suite.endpoints) },
    setupTimeout: SETUP_TIMEOUT,
    // Every system tag is a column of each raw sample and a label of each series: only what somebody reads.
    systemTags: ['status', 'method', 'name', 'scenario', 'error_code', 'expected_response'],
    summaryTimeUnit: 'ms',
    summaryTrendStats: ['count', 'med', 'p(95)', 'max'],
    maxRedirects: 0, // load never follows a redirect to another origin, and one request is one request
    batch: 20,
    batchPerHost: 20,
  };
  if (!plan.inPipeline) {
    // In the pipeline all run tags come by command line, where they replace these.
    options.tags = {
      [names.TAG_SUITE]: plan.suite.suite,
      [names.TAG_TARGET]: plan.targetName,
      [names.TAG_PROFILE]: plan.profileName,
    };
  }
  return options;
}

/** Ends a load that mostly fails. */
function breaker(plan) {
  const { error_ratio: ratio, delay } = plan.profile.breaker;
  return {
    [`${names.METRIC_FAILED}{${names.TAG_PHASE}:${names.PHASE_MEASURE}}`]: [
      { threshold: `rate<${ratio}`, abortOnFail: true, delayAbortEval: delay },
    ],
  };
}

/** The SLOs, for a run without the pipeline: red or green on the console. */
function objectives(endpoints) {
  return Object.assign({}, ...Object.values(endpoints).map((endpoint) => endpoint.thresholds));
}
