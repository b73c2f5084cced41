// Makes each call to NAME:PORT, and logs what it came to. SECURE is the port of a TLS server.
import { capacity, flood, hold, ping, tcpPing, traffic } from 'k6/x/mconnect';

export const options = { hosts: { 'xn--bcher-kva.example': '127.0.0.1', localhost: '127.0.0.1' } };

export default async function () {
  const { NAME, PORT, ECHO, HTTP, SECURE } = __ENV;
  const outcome = (/** @type {string} */ call, /** @type {boolean} */ ok, /** @type {unknown} */ detail) =>
    console.log('outcome ' + JSON.stringify({ call, ok, detail: JSON.stringify(detail) }));
  const one = { timeout: '5s' };
  const flooded = await flood(`${NAME}:${PORT}`, one);
  outcome('flood', flooded.states.completed === 1, flooded);
  const overTLS = await flood(`${NAME}:${SECURE}`, { ...one, network: 'tls' });
  outcome('flood over TLS', overTLS.states.completed === 1, overTLS);
  const named = await flood(`127.0.0.1:${SECURE}`, { ...one, network: 'tls', serverName: NAME });
  outcome('serverName', named.states.completed === 1, named);
  const held = await hold(`${NAME}:${PORT}`, one);
  outcome('hold', held.states().established === 1, held.result());
  await held.close();
  const limit = await capacity(`${NAME}:${PORT}`, { ...one, connections: 2 });
  outcome('capacity', limit.connections === 2, limit);
  const sent = await traffic(`${NAME}:${ECHO}`, { duration: '500ms' });
  outcome('traffic', sent.received > 0, sent);
  const connected = await tcpPing(`${NAME}:${PORT}`);
  outcome('tcpPing', !connected.failed && connected.to === `${NAME}:${PORT}`, connected);
  const answered = await ping(`http://${NAME}:${HTTP}/`);
  outcome('ping', !answered.failed, answered);
}
