// Many clients from one machine: connections come from every address of a range, so that a load balancer that hashes
// source addresses spreads them, and limits per client are not reached. No sysctl is needed.
//
//   ./k6 run examples/sources.js
//   ./k6 run -e TARGET=10.0.0.2:5001 -e SOURCE=198.18.0.0/16 examples/sources.js
//
// The range must belong to this host (`ip addr add 198.18.0.0/16 dev lo`), and the target must have a route back to it. Several
// k6 instances with complementary --execution-segment take different parts of the range by themselves.
import { check } from 'k6';
import { flood, listen, summary } from 'k6/x/mconnect';

export const options = {
  scenarios: {
    flood: { executor: 'shared-iterations', vus: 2, iterations: 4 },
  },
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    checks: ['rate==1'],
  },
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'sources-demo' }).address;
}

/** @param {string} target */
export default async function (target) {
  // Iteration k of the whole test takes the k-th 256 addresses of the range.
  const result = await flood(target, {
    connections: 256,
    source: __ENV.SOURCE || '127.9.0.0/16',
  });
  check(result, { 'each connection from an address of its own': (r) => r.sources_used === 256 });
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
