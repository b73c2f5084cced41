// Four VUs with traffic to the same targets, so that a quarter of the test is one call.
import { summary, traffic } from 'k6/x/mconnect';

export const options = {
  scenarios: { calls: { executor: 'per-vu-iterations', vus: 4, iterations: 1 } },
};

export default async function () {
  await traffic(__ENV.TARGETS.split(','), {
    connections: 10, rate: 100, duration: __ENV.DURATION, expect: { loss: 0.5, recovery: '100ms' },
  });
}

export const handleSummary = summary({ json: __ENV.OUT });
