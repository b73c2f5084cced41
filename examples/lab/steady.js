// Nothing changes: no connection may be lost, and every packet comes back.
// Run by the lab: make lab LAB='-scenario steady -steady 60s'
import { script, tell, thresholds } from './lab.js';
import { thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic, mconnect_reconnects: ['count==0'] } };
export { handleSummary } from './lab.js';

export default script(async () => {
  const seconds = Number(__ENV.STEADY || 10);
  const result = await underLoad({ seconds });
  const change = `none, for ${seconds} s`;
  await tell({ change, what: 'connections lost', measured: result.lost, ideal: 0, accepted: '0', ok: result.lost === 0 });
  await tell({ change, what: 'reconnects', measured: result.reconnects, ideal: 0, accepted: '0', ok: result.reconnects === 0 });
  const missing = result.sent - result.received;
  // One echo per connection may be on its way when the time is up.
  await tell({ change, what: 'packets that did not come back', measured: missing, ideal: 0, accepted: `<= ${result.connections}`, ok: missing <= result.connections });
});
