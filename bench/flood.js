// What `make bench` runs in k6: one flood, with all metrics and the end-of-test summary's arithmetic.
import { flood, report } from 'k6/x/mconnect';

const { network, connections, concurrency, targets } = JSON.parse(__ENV.TASK);

export const options = { summaryTrendStats: ['count'] };

export default async function () {
  await flood(targets, { network, connections, concurrency });
}

export function handleSummary({ metrics }) {
  const samples = {};
  for (const name of Object.keys(metrics).filter((name) => name.startsWith('mconnect_'))) {
    const { count, passes, fails } = metrics[name].values;
    samples[name] = count ?? passes + fails;
  }
  const { duration, states, first_errors } = report();
  return { [__ENV.RESULT]: JSON.stringify({ duration, completed: states.completed, first_errors, samples }) };
}
