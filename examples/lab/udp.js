// A backend leaves under UDP traffic: how many flows go on with another backend, and how many end?
// Run by the lab: make lab LAB='-scenario udp'
import { backend, change, idealLoss, lab, script, settle, tellShare, thresholds } from './lab.js';
import { thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };

export default script(async () => {
  await settle();
  const result = await underLoad({
    seconds: 8, change: () => change('remove'), undo: () => change('add'), options: { network: 'udp', lossTimeout: '2s' },
  });
  const [moved, lost] = [result.moved / result.connections, result.lost / result.connections];
  // Without state the flow moves, and its client need not notice. With state it stays with a backend that is gone.
  const tracked = lab.live === 'stateful';
  await tellShare(`${backend} leaves`, 'share of flows moved', moved, tracked ? 0 : idealLoss('remove'), 0.08);
  await tellShare(`${backend} leaves`, 'share of flows lost', lost, tracked ? idealLoss('remove') : 0, 0.08);
});
