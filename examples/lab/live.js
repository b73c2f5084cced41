// A backend leaves, and comes back, under traffic: how many connections does that cost?
// Run by the lab: make lab LAB='-scenario live-edge,live-middle'
import { backend, change, idealLoss, kept, lab, script, settle, tell, tellShare, thresholds, tolerance } from './lab.js';
import { connections, thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };
export { handleSummary } from './lab.js';

export default script(async () => {
  await settle();
  await judge('remove', `${backend} leaves`);
  await judge('add', `${backend} comes back`);
});

/**
 * @param {'remove' | 'add'} operation
 * @param {string} title
 */
async function judge(operation, title) {
  const result = await underLoad({
    seconds: 6, change: () => change(operation), options: { expect: { kept: kept(operation, connections) } },
  });
  const measured = result.lost / connections;
  const ideal = idealLoss(operation);
  if (lab.live === 'resilient') { // buckets may be idle
    const most = ideal + tolerance(ideal, connections);
    return tell({ change: title, what: 'share of connections lost', measured, ideal, accepted: `<= ${most.toFixed(2)}`, ok: measured <= most });
  }
  await tellShare(title, 'share of connections lost', measured, ideal, tolerance(ideal, connections));
  if (lab.live === 'stateful') {
    const others = Object.keys(result.lost_by_host).filter((host) => host !== backend).length;
    await tell({ change: title, what: 'other backends that lost any', measured: others, ideal: 0, accepted: '0', ok: others === 0 });
  }
}
