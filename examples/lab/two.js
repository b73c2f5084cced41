// The experiment of xcluster's nfqueue_scale: 100 connections; the first two backends leave, and come back. What the load balancer's own table, traffic() and
// disruption() say of it, side by side. Run by the lab: make lab LAB='-scenario two'
import { disruption, flood } from 'k6/x/mconnect';
import { change, client, lab, places, script, settle, tell, tellShare, thresholds } from './lab.js';
import { rate, thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic, mconnect_connects: ['count>0'], mconnect_disruption_flows: ['count>0'] } };
export { handleSummary } from './lab.js';

const connections = 100;
// Three standard deviations of a quarter of 100, and a few that are dialed again to the second backend before it leaves.
const tolerance = 0.17;
const tuples = 1000;
const toleranceOfTuples = 0.05;
const two = lab.backends.slice(0, 2);
const rest = lab.backends.slice(2);

export default script(async () => {
  await settle();
  const all = await look(lab.backends);
  const leaving = await underLoad(load('remove'));
  const fewer = await look(rest);
  await settle();
  const coming = await underLoad(load('add'));
  await settle();
  const again = await look(lab.backends);
  await judge('remove', 'the first two leave', all, fewer, leaving);
  await judge('add', 'they come back', fewer, again, coming);
});

/** Who answers each of the 5-tuples, and what the table says. @param {string[]} hosts that are in use */
async function look(hosts) {
  const table = await places();
  return { table, flows: await flood(lab.responder, { connections: tuples, ...client, sourcePorts: '20000-20009', close: 'rst', flows: true, expect: { hosts } }) };
}

/** @param {'remove' | 'add'} operation */
function load(operation) {
  const both = async () => {
    await change(operation, 1);
    await change(operation, 2);
  };
  const kept = 1 - needless(operation);
  return { seconds: 6, change: both, options: { connections, rate: Math.min(rate, 1000), expect: { kept } } };
}

/** The most that may be lost beyond what is announced. @param {'remove' | 'add'} operation */
function needless(operation) {
  switch (lab.live) {
    case 'stateful':
      return 0;
    case 'ecmp':
      return shifted() - (operation === 'remove' ? 2 / lab.backends.length : 0) + tolerance;
    default:
      return lab.live === 'resilient' || operation === 'remove' ? tolerance : 2 / lab.backends.length + tolerance;
  }
}

/** What moves by hash-threshold, where the borders between all others shift too. */
function shifted() {
  const n = lab.backends.length;
  let kept = 0;
  for (let i = 2; i < n; i++) {
    kept += Math.max(0, Math.min((i + 1) / n, (i - 1) / (n - 2)) - Math.max(i / n, (i - 2) / (n - 2)));
  }
  return 1 - kept;
}

/**
 * @typedef {Awaited<ReturnType<typeof look>>} Seen
 * @param {'remove' | 'add'} operation
 * @param {string} title
 * @param {Seen} before
 * @param {Seen} after
 * @param {import('k6/x/mconnect').TrafficResult} traffic
 */
async function judge(operation, title, before, after, traffic) {
  const by = (/** @type {import('k6/x/mconnect').DisruptionModel} */ model, /** @type {number | false} */ moved) => disruption(before.flows, after.flows, {
    model, backends: lab.backends, ...(operation === 'add' ? { added: two } : { removed: two }), expect: { moved },
  });
  const flows = by(lab.flows || 'stateful', lab.flows ? toleranceOfTuples : false);
  if (before.table && after.table && before.table.length === after.table.length) { // else its places have no meaning of their own
    const moved = before.table.filter((backend, place) => backend !== after.table?.[place]).length / before.table.length;
    await tell({ change: title, what: 'share of its table that moved', measured: moved, ideal: flows.ideal_share, accepted: 'any', ok: true });
  }
  if (lab.flows) {
    await tellShare(title, 'share of 5-tuples moved', flows.moved_share, flows.ideal_share, toleranceOfTuples);
  }
  const live = operation === 'add' && lab.live === 'resilient' ? 0 : by(lab.live, false).ideal_share;
  await tellShare(title, 'share of connections lost', traffic.lost / connections, live, tolerance);
}
