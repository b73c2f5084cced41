// Floods as a test asks it to, and writes down what the promise, report() and handleSummary's data say.
//
// Environment, all JSON but OUT: CALLS, a list of {target, options}, of which each VU makes one; SCRIPT, k6's options;
// OUT, the file for report and metrics.
import { flood, report } from 'k6/x/mconnect';

export const options = Object.assign({ summaryTrendStats: ['count', 'min', 'med', 'avg', 'max'] }, JSON.parse(__ENV.SCRIPT));

const calls = JSON.parse(__ENV.CALLS);

export default async function () {
  const call = calls[(__VU - 1) % calls.length];
  console.log('result ' + JSON.stringify(await flood(call.target, call.options)));
}

export function handleSummary(data) {
  return { [__ENV.OUT]: JSON.stringify({ report: report(), metrics: data.metrics }) };
}
