// What `make bench` runs in k6: one flood, with all metrics and the end-of-test summary's arithmetic.
import { flood, report } from 'k6/x/mconnect';
import { Gauge } from 'k6/metrics';

const { network, connections, concurrency, targets, packets, source } = JSON.parse(__ENV.TASK);
const elapsed = new Gauge('elapsed'); // ms until the script goes on, with every sample out

export const options = { summaryTrendStats: ['count'] };

export default async function () {
  const start = Date.now();
  await flood(targets, { network, connections, concurrency, ...(packets && { driver: 'packets', source }) });
  elapsed.add(Date.now() - start);
}

export function handleSummary({ metrics }) {
  const samples = {};
  for (const name of Object.keys(metrics).filter((name) => name.startsWith('mconnect_'))) {
    const { count, passes, fails } = metrics[name].values;
    samples[name] = count ?? passes + fails;
  }
  const { states, first_errors } = report();
  const duration = 1e6 * metrics.elapsed.values.value;
  return { [__ENV.RESULT]: JSON.stringify({ duration, completed: states.completed, first_errors, samples }) };
}
