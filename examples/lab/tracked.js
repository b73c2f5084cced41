// What does the load balancer's own connection table say of connections with traffic, and what has their client seen?
// Run by the lab: make lab LAB='-scenario tracked'
import { traffic } from 'k6/x/mconnect';
import { client, connections, lab, pause, script, tell, thresholds } from './lab.js';
import { thresholds as ofTraffic } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };
export { handleSummary } from './lab.js';

export default script(async () => {
  await compare('tcp');
  await compare('udp');
});

/** @param {'tcp' | 'udp'} network */
async function compare(network) {
  const [seen, table] = await Promise.all([
    traffic(lab.echo, { network, connections: 200, rate: 200, duration: '5s', lossTimeout: '5s', ...client }),
    pause(3000).then(connections),
  ]);
  const backends = new Map(table.filter((one) => one.network === network).map(({ client, backend }) => [client, backend]));
  const otherwise = seen.records.filter(({ local, host }) => backends.get(local) !== host);
  if (otherwise.length > 0) {
    const [{ local, host }] = otherwise;
    console.log(`${network} ${local} is answered by ${host}, and by the table of ${table.length} connections it is with ${backends.get(local)}`);
  }
  await tell({
    change: 'none', what: `${network}: otherwise in its table`, measured: otherwise.length, ideal: 0, accepted: '0', ok: otherwise.length === 0 && seen.records.length === 200,
  });
}
