// Does every backend get its share, of TCP connections and of UDP flows? Run by the lab: make lab LAB='-scenario balance'
import { flood } from 'k6/x/mconnect';
import { client, lab, largestShare, script, tell, thresholds } from './lab.js';

export const options = { thresholds: { ...thresholds, mconnect_connects: ['count>0'], mconnect_connect_failed: ['rate==0'], mconnect_reply_failed: ['rate==0'] } };

const connections = Number(__ENV.CONNECTS || 4000);
export { handleSummary } from './lab.js';

export default script(async () => {
  await share('tcp');
  if (lab.udp) {
    await share('udp');
  }
});

/** @param {'tcp' | 'udp'} network */
async function share(network) {
  const result = await flood(lab.responder, { network, connections, ...client, close: 'rst', expect: { hosts: lab.weights, affinity: lab.affinity } });
  const ideal = largestShare();
  const measured = result.balance.max_share;
  // Five standard deviations of a fair choice, plus a tenth for tables with few entries for each.
  const most = ideal * 1.1 + 5 * Math.sqrt((ideal * (1 - ideal)) / connections);
  const ok = measured <= most && Object.keys(result.hosts).length === lab.backends.length;
  await tell({ change: 'none', what: `largest share, ${network}`, measured, ideal, accepted: `<= ${most.toFixed(3)}`, ok });
}
