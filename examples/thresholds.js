// A load balancer's acceptance test for CI: thresholds say what must hold, and the exit code is 99 if something does not.
//
//   ./k6 run examples/thresholds.js
//   ./k6 run -e TARGET=10.0.0.2:5001 -e HOSTS=lb-1,lb-2,lb-3,lb-4 examples/thresholds.js
//
// Environment: TARGET, HOSTS (comma list of who must answer), MAX_MS (the 95th percentile of the connect time, 50).
import { flood, listen, summary } from 'k6/x/mconnect';

const demo = ['lb-1', 'lb-2', 'lb-3', 'lb-4'];
const hosts = __ENV.HOSTS ? __ENV.HOSTS.split(/ *, */) : !__ENV.TARGET && demo;

export const options = {
  thresholds: {
    // No verdict fails: every connection is begun, established and answered, by the hosts that are expected, in the shares that are expected.
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    // 95 % connect within 50 ms; no SYN was lost.
    mconnect_connect_duration: [`p(95)<${__ENV.MAX_MS || 50}`],
    mconnect_syn_retransmits: ['count==0'],
    // No backend gets more than half of the connections, in any flood: this gauge keeps the worst.
    mconnect_balance_max_share: ['value<0.5'],
    // The same metrics by tag: one verdict, one stage of the test.
    'mconnect_verdict_failed{verdict:hosts}': ['rate==0'],
    'mconnect_connect_failed{stage:steady}': ['rate==0'],
  },
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET ? [__ENV.TARGET] : demo.map((hostname) => listen({ hostname }).address);
}

/** @param {string[]} targets */
export default async function (targets) {
  await flood(targets, { connections: 2000, expect: { hosts, balance: true, replyTime: '1s' }, tags: { stage: 'steady' } });
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
