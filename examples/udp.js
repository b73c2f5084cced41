// UDP: every flow sends one datagram and is answered with the host name of its backend.
//
//   ./k6 run examples/udp.js
//   ./k6 run -e TARGET=10.0.0.2:5001 -e CONNECTIONS=5000 examples/udp.js
//
// MAX_MS (the 95th percentile of the answer time, 100) may be set too.
import { flood, listen, summary } from 'k6/x/mconnect';

export const options = {
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    mconnect_reply_duration: [`p(95)<${__ENV.MAX_MS || 100}`],
  },
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'udp-demo' }).address;
}

/** @param {string} target */
export default async function (target) {
  const result = await flood(target, {
    network: 'udp',
    connections: Number(__ENV.CONNECTIONS || 1000),
    payload: 'Hello',
    connectTimeout: '2s', // how long to wait for each answer
    // A lost datagram, or a lost answer, is a failed read of class no_reply. One in a thousand may be lost.
    expect: { answered: 0.999 },
  });
  console.log(`answers: ${JSON.stringify(result.hosts)}, lost: ${result.failed_reads}`);
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
