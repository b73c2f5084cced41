// Makes samples of every metric that the dashboards show: calls of all functions, some of which fail or lose connections.
// Environment: SERVER (host:port of a responder), PORT and PID (its socket table), DEAD (where nobody listens), SILENT (where UDP is swallowed), OUT (a file for the report).
import { capacity, change, disruption, flood, hold, idle, listen, ping, report, sockets, tcpPing, traffic } from 'k6/x/mconnect';

export const options = {
  hosts: { 'web.example': '127.0.0.1' },
  scenarios: { all: { executor: 'shared-iterations', maxDuration: '2m' } },
};

/** @param {number} ms */
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const names = ['web-1', 'web-2', 'web-3'];

export default async function () {
  const responders = names.map((hostname) => listen({ hostname, http: '127.0.0.1:0' }));
  const targets = responders.map((server) => server.address);
  const fixed = { connections: 300, source: '127.7.0.0/24', sourcePorts: '21000-21009', flows: true, close: /** @type {'rst'} */ ('rst') };
  const before = await flood(targets, { ...fixed, expect: { hosts: { 'web-1': 1, 'web-2': 1, 'web-3': 2 } } });
  const after = await flood(targets.slice(1), fixed);
  disruption(before, after, { model: 'maglev', removed: 'web-1', backends: names });
  await flood(__ENV.DEAD, { connections: 50 });
  const held = await hold(__ENV.SERVER, { connections: 20, keepalive: '500ms', duration: '3s' });
  await sockets({ port: Number(__ENV.PORT), pid: Number(__ENV.PID) });
  await restarts();
  await held.close();
  await traffic(__ENV.SILENT, { network: 'udp', rate: 20, duration: '1s', lossTimeout: '300ms' });
  await capacity(targets[1], { connections: 20 });
  const forgetful = listen({ echo: true, idleTimeout: '300ms' });
  await idle(forgetful.address, { from: '100ms', to: '1s', precision: '100ms', connections: 5 });
  const port = targets[1].split(':')[1];
  for (let i = 0; i < 3; i++) {
    await tcpPing(`web.example:${port}`, { from: 'Oslo', to: 'Porto' });
    await ping(`http://web.example:${String(responders[1].http).split(':')[2]}/v1/ping`, { from: 'Oslo', to: 'Porto' });
  }
  await tcpPing(__ENV.DEAD, { from: 'Oslo', to: 'Lima' });
  change('maintenance', { within: '1ms' }); // of all hosts
}

/** Two of three backends restart under traffic; one restart is announced. */
async function restarts() {
  const servers = names.map((hostname) => listen({ hostname, echo: true }));
  /** @param {number} i */
  const restart = async (i) => {
    const { address } = servers[i];
    await servers[i].close();
    servers[i] = listen({ hostname: names[i], echo: true, address });
  };
  const all = traffic(servers.map((server) => server.address), { connections: 30, rate: 300, duration: '6s' });
  await wait(1500);
  change('restart of web-1', { hosts: 'web-1', within: '2s' });
  await restart(0);
  await wait(2500);
  await restart(1);
  await all;
}

export function handleSummary() {
  return { [__ENV.OUT]: JSON.stringify({ report: report(), metrics: {} }) };
}
