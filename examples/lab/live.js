// A backend leaves, and comes back, under traffic: how many connections does that cost?
// Run by the lab: make lab LAB='-scenario live-edge,live-middle'
import { backend, change, idealLoss, lab, script, settle, tell, tellShare, thresholds } from './lab.js';
import { thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };

export default script(async () => {
  await settle();
  await judge('remove', 'add', `${backend} leaves`);
  await judge('add', 'remove', `${backend} comes back`);
});

/**
 * @param {'remove' | 'add'} operation
 * @param {'remove' | 'add'} inverse
 * @param {string} title
 */
async function judge(operation, inverse, title) {
  const result = await underLoad({ seconds: 6, change: () => change(operation), undo: () => change(inverse) });
  const measured = result.lost / result.connections;
  const ideal = idealLoss(operation);
  if (lab.live === 'resilient') {
    const most = ideal + 0.05; // buckets are few
    return tell({ change: title, what: 'share of connections lost', measured, ideal, accepted: `<= ${most.toFixed(2)}`, ok: measured <= most });
  }
  await tellShare(title, 'share of connections lost', measured, ideal, 0.08);
  if (lab.live === 'stateful') {
    const others = Object.keys(result.lost_by_host).filter((host) => host !== backend).length;
    await tell({ change: title, what: 'other backends that lost any', measured: others, ideal: 0, accepted: '0', ok: others === 0 });
  }
}
