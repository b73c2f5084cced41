// A backend leaves, and comes back: how many 5-tuples get another backend when they are dialed again?
// Run by the lab: make lab LAB='-scenario flows-edge,flows-middle'
import { disruption, flood } from 'k6/x/mconnect';
import { backend, change, client, lab, script, settle, tell, tellShare, thresholds } from './lab.js';

export const options = { thresholds: { ...thresholds, mconnect_connects: ['count>0'], mconnect_connect_failed: ['rate==0'], mconnect_disruption_flows: ['count>0'] } };

const connections = Number(__ENV.CONNECTS || 4000) / 2;
// The same 5-tuples each time. A reset leaves nothing in TIME_WAIT, neither here nor in connection tracking.
const fixed = { connections, ...client, sourcePorts: '20000-20009', close: /** @type {'rst'} */ ('rst'), flows: true };
const others = lab.backends.filter((name) => name !== backend);
const tolerance = Math.max(0.05, Math.ceil(150 / Math.sqrt(connections)) / 100); // at least three standard deviations of any share
export { handleSummary } from './lab.js';

export default script(async () => {
  const all = await flood(lab.responder, { ...fixed, expect: { hosts: lab.backends } });
  await change('remove');
  const fewer = await flood(lab.responder, { ...fixed, expect: { hosts: others } });
  await change('add');
  await settle();
  const again = await flood(lab.responder, { ...fixed, expect: { hosts: lab.backends } });
  await judge(`${backend} leaves`, all, fewer, { removed: backend });
  await judge(`${backend} comes back`, fewer, again, { added: backend });
});

/**
 * @param {string} change
 * @param {import('k6/x/mconnect').FloodResult} before
 * @param {import('k6/x/mconnect').FloodResult} after
 * @param {{removed: string} | {added: string}} what
 */
function judge(change, before, after, what) {
  const verdict = disruption(before, after, { model: lab.flows || 'stateful', backends: lab.backends, ...what, expect: { moved: lab.flows ? tolerance : false } });
  if (!lab.flows) { // new connections may go anywhere
    return tell({ change, what: 'share of 5-tuples moved', measured: verdict.moved_share, accepted: 'any', ok: true });
  }
  return tellShare(change, 'share of 5-tuples moved', verdict.moved_share, verdict.ideal_share, tolerance);
}
