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
// What the trigger needs to make it do so, it is sent. The table has a column with the queue of notifications if Orion tells it
// (-statNotifQueue):
//
//   ./k6 run -e PEER=127.0.0.1:8090 -e TRIGGER=http://127.0.0.1:1026/v2/entities/Room1/attrs -e METHOD=PATCH \
//     -e BODY='{"temperature":{"value":21}}' -e HEADERS='{"Fiware-Service":"stablished_connections","Fiware-ServicePath":"/test"}' \
//     -e HEALTH=http://127.0.0.1:1026/version -e STATISTICS=http://127.0.0.1:1026/statistics examples/orion.js
//
// It fails (exit code 99) if the service does not answer in one of the seconds, refuses the trigger, or if nothing hangs: no more sockets
// than before are seen.
//
// Environment: HEALTH (URL; default: a connect to TARGET that is answered), CONNECTIONS (500), SECONDS (10), PID or PORT (of
// the service; default: TARGET's port), REMOTE (http://host:port of an mconnect-server -http on the service's host, if that is
// not this one); of the trigger METHOD (POST), BODY, HEADERS (JSON, or lines such as 'Fiware-Service: test'); STATISTICS (URL), QUEUE
// (what of its JSON is the queue's size: notifQueue.size).
import { check } from 'k6';
import http from 'k6/http';
import { Rate, Trend } from 'k6/metrics';
import { flood, hold, listen, sockets, summary } from 'k6/x/mconnect';

const healthy = new Rate('healthy');
const hanging = new Trend('hanging'); // sockets of the service, those apart that it had before

// A connection that is already open would still be served by a service that has no descriptor left for a new one.
const fresh = { timeout: '2s', headers: { Connection: 'close' } };

export const options = {
  thresholds: { healthy: ['rate==1'], hanging: ['max>0'], ...(__ENV.TRIGGER ? { checks: ['rate==1'] } : {}) }, // only a trigger is checked
};

export function setup() {
  const demo = !__ENV.TARGET && !__ENV.HEALTH;
  if (demo) console.warn('no TARGET or HEALTH: a demonstration against responders inside k6');
  return demo ? listen({ hostname: 'orion-demo' }).address : __ENV.TARGET;
}

/** @param {string | undefined} target */
export default async function (target) {
  const table = query(target);
  const opens = target || __ENV.TRIGGER; // else others have, before
  const before = opens ? sum(await sockets(table)) : 0;
  const held = target && (await hold(target, { connections: Number(__ENV.CONNECTIONS || 500) }));
  if (__ENV.TRIGGER) {
    trigger(__ENV.TRIGGER);
  }
  head();
  for (let counter = 1; counter <= Number(__ENV.SECONDS || 10); counter++) {
    const next = new Promise((resolve) => setTimeout(resolve, 1000));
    const ok = await health(target);
    healthy.add(ok);
    const queued = __ENV.STATISTICS ? [await queue(__ENV.STATISTICS)] : [];
    const seen = await sockets(table);
    hanging.add(Math.max(sum(seen) - before, 0));
    const cells = [...queued, seen.established, seen.close_wait, sum(seen)];
    console.log(String(counter).padStart(7) + (ok ? 'OK' : 'NOK').padStart(11) + cells.map((cell) => String(cell).padStart(14)).join(''));
    await next;
  }
  if (held) {
    await held.close();
  }
}

/** @param {import('k6/x/mconnect').SocketTable} seen */
function sum(seen) {
  return seen.established + seen.close_wait;
}

/** Writes the head of the table. */
function head() {
  const column = __ENV.STATISTICS ? ['         queue', '          size', '--------------'] : ['', '', ''];
  console.log('counter     health' + column[0] + '   established    close wait           sum');
  console.log('                  ' + column[1] + '   connections   connections   connections');
  console.log('-------------------------------------------------------------' + column[2]);
}

/** Makes the service open its connections. @param {string} url */
function trigger(url) {
  const params = { timeout: '30s', headers: { ...fresh.headers, ...headers() } };
  const response = http.request(__ENV.METHOD || 'POST', url, __ENV.BODY || null, params);
  const took = check(response, { 'the service took the trigger': (r) => r.status >= 200 && r.status < 300 });
  if (!took) {
    console.error(`the trigger was not taken: ${response.error || `HTTP status ${response.status}: ${JSON.stringify(String(response.body).slice(0, 200))}`}`);
  }
}

/** The trigger's headers. @returns {Record<string, string>} */
function headers() {
  const text = (__ENV.HEADERS || '').trim();
  const given = text.startsWith('{') ? JSON.parse(text) : fromLines(text);
  const names = Object.keys(given).map((name) => name.toLowerCase());
  const isJSON = /^\s*[[{]/.test(__ENV.BODY || '') && !names.includes('content-type');
  return isJSON ? { 'Content-Type': 'application/json', ...given } : given;
}

/** Reads lines of 'name: value'. @param {string} text */
function fromLines(text) {
  /** @type {Record<string, string>} */
  const given = {};
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const colon = line.indexOf(':');
    if (colon < 1) {
      throw new Error(`HEADERS: got ${JSON.stringify(line)}; want lines such as 'Fiware-Service: test', or an object in JSON`);
    }
    given[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return given;
}

/** The size of the service's queue of notifications, or N/A as in Orion's own test. @param {string} url */
async function queue(url) {
  const response = await http.asyncRequest('GET', url, null, fresh);
  if (response.status !== 200) {
    return 'N/A';
  }
  try {
    const size = response.json(__ENV.QUEUE || 'notifQueue.size');
    return typeof size === 'number' ? size : 'N/A';
  } catch {
    return 'N/A'; // it is no JSON
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

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
