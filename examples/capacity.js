// How many connections does this service hold at once, and what stops it?
//
//   ./k6 run examples/capacity.js
//   ./k6 run -e TARGET=10.0.0.2:80 -e MOST=15000 -e LEAST=5000 examples/capacity.js
//
// Environment: TARGET, MOST (to try), LEAST (that the service must hold, or the exit code is 99; 400), PAYLOAD (what to send to services that
// wait for the client to speak first; an answer then shows that a connection is served).
import { capacity, listen, summary } from 'k6/x/mconnect';

export const options = {
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
  },
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'capacity-demo', maxConnections: 400 }).address;
}

/** @param {string} target */
export default async function (target) {
  const result = await capacity(target, {
    connections: __ENV.MOST ? Number(__ENV.MOST) : 2000,
    payload: __ENV.PAYLOAD || undefined,
    expect: { connections: Number(__ENV.LEAST || 400) },
  });
  const bound = result.lower_bound ? 'at least ' : '';
  console.log(`${target} holds ${bound}${result.connections} connections; limit: ${result.limit}`);
  console.log(result.explanation);
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
