// A load balancer's acceptance test for CI: what must hold is said in thresholds, and the exit code is 99 if it does not.
//
//   ./k6 run examples/thresholds.js
//   ./k6 run -e TARGET=10.0.0.2:5001 examples/thresholds.js
import { flood, listen } from 'k6/x/mconnect';

export const options = {
  thresholds: {
    mconnect_connects: ['count>0'],
    // Every connect succeeds, and every connection is answered.
    mconnect_connect_failed: ['rate==0'],
    mconnect_reply_failed: ['rate==0'],
    // Nothing was left undone when time ran out. States are gauges, which k6 judges by their last value.
    mconnect_not_initiated: ['value==0'],
    // 95 % connect within 50 ms; no SYN was lost.
    mconnect_connect_duration: ['p(95)<50'],
    mconnect_syn_retransmits: ['count==0'],
    // No backend gets more than half of the connections, and the spread is not worse than chance explains.
    mconnect_balance_max_share: ['value<0.5'],
    mconnect_balance_p_value: ['value>0.001'],
    // The same metrics by tag: this target, this kind of failure.
    'mconnect_connect_failed{phase:steady}': ['rate==0'],
  },
};

export function setup() {
  if (__ENV.TARGET) {
    return [__ENV.TARGET];
  }
  return ['lb-1', 'lb-2', 'lb-3', 'lb-4'].map((hostname) => listen({ hostname }).address);
}

/** @param {string[]} targets */
export default async function (targets) {
  await flood(targets, { connections: 2000, tags: { phase: 'steady' } });
}
