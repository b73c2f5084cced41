// Searches for the idle timeout of TARGET with OPTIONS (JSON), and writes the metrics to the file OUT.
import { idle } from 'k6/x/mconnect';

export const options = { scenarios: { search: { executor: 'per-vu-iterations', maxDuration: '10m' } } };

export default async function () {
  console.log('result ' + JSON.stringify(await idle(__ENV.TARGET, JSON.parse(__ENV.OPTIONS))));
}

export function handleSummary(data) {
  return { [__ENV.OUT]: JSON.stringify({ metrics: data.metrics }) };
}
