// Four VUs, each with one flood and one hold, so that a quarter of the test has one of each.
import { flood, hold, summary } from 'k6/x/mconnect';

export const options = {
  scenarios: { calls: { executor: 'per-vu-iterations', vus: 4, iterations: 1 } },
  thresholds: { mconnect_verdict_failed: ['rate==0'], mconnect_verdicts: ['count>0'], iterations: ['count>0'] },
};

export default async function () {
  const expect = JSON.parse(__ENV.EXPECT || '{}');
  await flood(__ENV.TARGETS.split(','), { connections: 40, expect });
  await hold(__ENV.TARGETS.split(','), { connections: 10, duration: '300ms' });
}

export const handleSummary = summary({
  json: `${__ENV.OUT}.json`,
  junit: `${__ENV.OUT}.xml`,
  html: `${__ENV.OUT}.html`,
  svg: `${__ENV.OUT}-charts`,
  replace: Boolean(__ENV.REPLACE),
});
