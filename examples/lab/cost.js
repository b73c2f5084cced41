// How long is a packet's way through the load balancer and back? Run by the lab: make lab LAB='-scenario cost'
import { traffic } from 'k6/x/mconnect';
import { client, lab, script, tell, thresholds } from './lab.js';
import { thresholds as ofTraffic } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };
export { handleSummary } from './lab.js';

export default script(async () => {
  const { round_trip } = await traffic(lab.echo, { connections: 1, packetSize: 64, duration: '200ms', ...client });
  await tell({ change: 'none', what: 'round trip of a packet, µs', measured: round_trip.med * 1000, accepted: 'any', ok: true });
});
