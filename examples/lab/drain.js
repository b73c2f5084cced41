// A backend gets no new connections, and goes on with those that it has: does the load balancer let it?
// Run by the lab: make lab LAB='-scenario drain'
import { backend, change, idealLoss, script, settle, tellShare, thresholds } from './lab.js';
import { thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };

export default script(async () => {
  await settle();
  const result = await underLoad({ seconds: 6, change: () => change('drain'), undo: () => change('add') });
  await tellShare(`${backend} drains`, 'share of connections lost', result.lost / result.connections, idealLoss('drain'), 0.08);
});
