// A rolling restart under traffic: backends go and come back, one after the other, and each restart is announced. Only connections of the
// backend that restarts may be lost, new connections to the others must not fail, and all must be up again at the end.
//
//   ./k6 run examples/rolling.js                                    three backends inside k6
//   ./k6 run -e RUDE=1 examples/rolling.js                          the same, but one restart is not announced: exit code 99
//   ./k6 run -e TARGET=10.0.0.2:5003 -e BACKENDS=web-1,web-2,web-3 -e RESTART=http://10.0.0.9:8000/restart/ examples/rolling.js
//
// TARGET is a virtual IP with servers that echo behind it: `mconnect-server -echo :5003`. RESTART is where a POST of RESTART + name restarts a
// backend, and returns when that is done. Other variables: BACKENDS (the names that the servers tell), CONNECTIONS (90), WITHIN (how long losses
// are excused after the announcement, 3s, with TARGET 10s), RECOVERY (the longest outage that may be, 3s), and in seconds PAUSE (between two
// restarts, 2) and RESTART_TIME (the longest that a restart may take, 0.5, with TARGET 10): traffic lasts until all restarts must be done.
import http from 'k6/http';
import { change, listen, summary, traffic } from 'k6/x/mconnect';

const backends = (__ENV.BACKENDS || 'web-1,web-2,web-3').split(/ *, */);
const pause = 1000 * Number(__ENV.PAUSE || 2);
const restartTime = 1000 * Number(__ENV.RESTART_TIME || (__ENV.TARGET ? 10 : 0.5));
const within = __ENV.WITHIN || (__ENV.TARGET ? '10s' : '3s'); // backends that drain close their connections some seconds after the announcement

if (__ENV.TARGET && !__ENV.RESTART) {
  throw new TypeError('RESTART: missing; want with TARGET the URL that restarts a backend whose name is appended, such as http://10.0.0.9:8000/restart/');
}

export const options = {
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
  },
};

export default async function () {
  const balancer = __ENV.TARGET ? { targets: [__ENV.TARGET], restart: byHTTP } : played();
  const [result] = await Promise.all([
    traffic(balancer.targets, {
      connections: Number(__ENV.CONNECTIONS || 90),
      rate: 500,
      duration: (backends.length + 1) * (pause + restartTime),
      expect: {
        recovery: __ENV.RECOVERY || '3s',
      },
    }),
    restarts(balancer.restart),
  ]);
  console.log(`${result.lost} connections were lost: ${result.excused} excused, ${result.needless} needlessly ${JSON.stringify(result.needless_by_host)}`);
  for (const { from, to, connections, hosts } of result.outages) {
    console.log(`${connections} connections to ${hosts.join(', ')} were down from ${from.toFixed(0)} ms ${to === null ? 'on' : `to ${to.toFixed(0)} ms`}`);
  }
}

/** Restarts all backends, one after the other. @param {(name: string) => Promise<void>} restart */
async function restarts(restart) {
  for (const name of backends) {
    await sleep(pause);
    if (!(__ENV.RUDE && name === backends[0])) {
      change(`restart of ${name}`, { hosts: name, within });
    }
    await restart(name);
  }
}

/** @param {string} name */
async function byHTTP(name) {
  const response = await http.asyncRequest('POST', `${__ENV.RESTART}${name}`, null, { timeout: restartTime });
  if (response.status < 200 || response.status > 299) {
    throw new Error(`RESTART: ${name} was not restarted within RESTART_TIME (${restartTime / 1000} s): ${response.error || `HTTP status ${response.status}`}`);
  }
}

/** Backends on loopback, that connections take in turn. */
function played() {
  console.warn('no TARGET: a demonstration against responders inside k6');
  const servers = Object.fromEntries(backends.map((hostname) => [hostname, listen({ hostname, echo: true })]));
  const targets = backends.map((name) => servers[name].address);
  /** @param {string} name */
  async function restart(name) {
    await servers[name].close();
    servers[name] = listen({ hostname: name, echo: true, address: targets[backends.indexOf(name)] });
  }
  return { targets, restart };
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
