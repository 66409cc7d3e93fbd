// How often an endpoint is called: `weight` calls per iteration on average, without chance. Over iterations
// 0..n-1 that is floor(n * weight) calls, spread evenly.

const ROUNDING = 1e-9; // 0.29 * 100 is 28.999999999999996

/** Calls in the iterations before this one. */
export function callsBefore(iteration, weight) {
  return Math.floor(iteration * weight + ROUNDING);
}

/** Upper bound of the calls in all iterations of a plan: how much data set-up has to prepare. */
export function mostCalls(plan, endpoint) {
  return Math.ceil(plan.profile.max_iterations * plan.suite.endpoints[endpoint].weight) + 1;
}
