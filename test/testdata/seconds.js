// Three seconds with a flood and a hold each, for outputs that look once a second.
import { flood, hold } from 'k6/x/mconnect';

export const options = { scenarios: { calls: { executor: 'per-vu-iterations', vus: 1, iterations: 3 } } };

export default async function () {
  await flood(__ENV.TARGET, { connections: 100 });
  await hold(__ENV.TARGET, { connections: 10, duration: '1s' });
}
