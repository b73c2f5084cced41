// A backend leaves under UDP traffic: how many flows go on with another backend, and how many end?
// Run by the lab: make lab LAB='-scenario udp'
import { backend, change, idealLoss, kept, lab, script, settle, tellShare, thresholds, tolerance } from './lab.js';
import { connections, thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };
export { handleSummary } from './lab.js';

export default script(async () => {
  await settle();
  const result = await underLoad({
    seconds: 8, change: () => change('remove'),
    options: { network: 'udp', lossTimeout: '2s', expect: { kept: kept('remove', connections) } },
  });
  // Without state the flow moves, and its client need not notice. With state it stays with a backend that is gone.
  const tracked = lab.live === 'stateful';
  await judge('moved', result.moved, tracked ? 0 : idealLoss('remove'));
  await judge('lost', result.lost, tracked ? idealLoss('remove') : 0);
});

/** @param {'moved' | 'lost'} what @param {number} flows @param {number} ideal */
function judge(what, flows, ideal) {
  return tellShare(`${backend} leaves`, `share of flows ${what}`, flows / connections, ideal, tolerance(ideal, connections));
}
