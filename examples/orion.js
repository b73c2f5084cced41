// Does a service stay healthy while thousands of its connections hang? Orion's connections stress test in one script: once a
// second it prints whether the service still answers, and its sockets in ESTABLISHED and CLOSE_WAIT.
//
// Connections to the service, held from here:
//
//   ./k6 run -e TARGET=127.0.0.1:1026 -e HEALTH=http://127.0.0.1:1026/version -e CONNECTIONS=5000 examples/orion.js
//
// Connections of the service, which it holds to the slow listener. PEER selects them in its socket table; TRIGGER makes the
// service open them:
//
//   ./mconnect-server -http 127.0.0.1:8090 -delay 5m -stats 5s &
//   ./k6 run -e HEALTH=http://127.0.0.1:1026/version -e PEER=127.0.0.1:8090 -e TRIGGER=http://127.0.0.1:1026/update examples/orion.js
//
// Environment: HEALTH (URL; default: a connect to TARGET that is answered), CONNECTIONS (500), SECONDS (10), PID or PORT (of
// the service; default: TARGET's port), REMOTE (http://host:port of an mconnect-server -http on the service's host, if that is
// not this one).
import { check } from 'k6';
import http from 'k6/http';
import { Rate } from 'k6/metrics';
import { flood, hold, listen, sockets } from 'k6/x/mconnect';

const healthy = new Rate('healthy');

// A connection that is already open would still be served by a service that has no descriptor left for a new one.
const fresh = { timeout: '2s', headers: { Connection: 'close' } };

export const options = {
  thresholds: { healthy: ['rate==1'] },
};

export function setup() {
  const demo = !__ENV.TARGET && !__ENV.HEALTH;
  return demo ? listen({ hostname: 'orion-demo' }).address : __ENV.TARGET;
}

/** @param {string | undefined} target */
export default async function (target) {
  const table = query(target);
  const held = target && (await hold(target, { connections: Number(__ENV.CONNECTIONS || 500) }));
  if (__ENV.TRIGGER) {
    check(http.post(__ENV.TRIGGER, null, fresh), { 'the service took the trigger': (r) => r.status < 300 });
  }
  console.log('counter     health   established    close wait           sum');
  console.log('                     connections   connections   connections');
  console.log('-------------------------------------------------------------');
  for (let counter = 1; counter <= Number(__ENV.SECONDS || 10); counter++) {
    const next = new Promise((resolve) => setTimeout(resolve, 1000));
    const ok = await health(target);
    healthy.add(ok);
    const { established, close_wait } = await sockets(table);
    const cells = [ok ? 'OK' : 'NOK', established, close_wait, established + close_wait];
    console.log(String(counter).padStart(7) + String(cells[0]).padStart(11) + cells.slice(1).map((cell) => String(cell).padStart(14)).join(''));
    await next;
  }
  if (held) {
    await held.close();
  }
}

/** Which sockets to look at. @param {string | undefined} target */
function query(target) {
  /** @type {import('k6/x/mconnect').SocketsOptions} */
  const options = { remote: __ENV.REMOTE || undefined, peer: __ENV.PEER || undefined };
  if (__ENV.PID) {
    options.pid = Number(__ENV.PID);
  } else if (__ENV.PORT || target) {
    options.port = Number(__ENV.PORT || String(target).split(':').pop());
  }
  return options;
}

/** Whether the service answers a new request. @param {string | undefined} target */
async function health(target) {
  if (__ENV.HEALTH) {
    const response = await http.asyncRequest('GET', __ENV.HEALTH, null, fresh);
    return response.status === 200;
  }
  const result = await flood(String(target), { connectTimeout: '2s' });
  return result.states.completed === 1;
}
