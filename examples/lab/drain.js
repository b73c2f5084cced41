// A backend gets no new connections, and goes on with those that it has: does the load balancer let it?
// Run by the lab: make lab LAB='-scenario drain'
import { backend, change, idealLoss, kept, script, settle, tellShare, thresholds, tolerance } from './lab.js';
import { connections, thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };
export { handleSummary } from './lab.js';

export default script(async () => {
  await settle();
  const result = await underLoad({
    seconds: 6, change: () => change('drain'), options: { expect: { kept: kept('drain', connections) } },
  });
  const ideal = idealLoss('drain');
  await tellShare(`${backend} drains`, 'share of connections lost', result.lost / connections, ideal, tolerance(ideal, connections));
});
