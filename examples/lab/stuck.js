// A backend comes back under traffic: do connections that it takes from others stay established on their servers, which nobody tells?
// Run by the lab: make lab LAB='-scenario stuck'
import { backend, change, closedOnServers, idealLoss, kept, lab, onServers, script, settle, tell, thresholds, tolerance } from './lab.js';
import { connections, thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };
export { handleSummary } from './lab.js';

export default script(async () => {
  await change('drain');
  await settle();
  const before = await onServers();
  await underLoad({
    seconds: 5, change: () => change('add'), options: { expect: { kept: kept('add', connections) } },
  });
  const share = idealLoss('add');
  const ideal = share * connections;
  const most = lab.live === 'stateful' ? 0 : ideal + tolerance(share, connections) * connections;
  if (most === 0) {
    await closedOnServers(before);
  }
  const measured = sum(await onServers()) - sum(before);
  await tell({ change: `${backend} comes back`, what: 'connections stuck on servers', measured, ideal, accepted: `<= ${Math.round(most)}`, ok: measured <= most });
});

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}
