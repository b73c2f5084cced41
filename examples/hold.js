// Can this service hold N connections, and does it keep them? The acceptance test that tcpgoon is made for: exit code 99 if
// not all of them are established, or if the service closes any.
//
//   ./k6 run examples/hold.js
//   ./k6 run -e TARGET=10.0.0.2:80 -e CONNECTIONS=15000 -e DURATION=30s examples/hold.js
//
// Environment: TARGET (host:port), CONNECTIONS (500), DURATION (5s), RATE (new connections per second; 0 is as fast as
// possible), KEEPALIVE (an interval; the service must answer whatever it is sent), SOURCE, NETWORK, INSTANCES (k6
// processes that share the test).
import { hold, listen, summary } from 'k6/x/mconnect';

const connections = Number(__ENV.CONNECTIONS || 500);

// Each of several k6 processes, with an execution segment of its own, makes one of so many iterations: docs/how-to/many-machines.md.
const instances = Number(__ENV.INSTANCES || 1);

export const options = {
  scenarios: { hold: { executor: 'shared-iterations', vus: instances, iterations: instances, maxDuration: '24h' } },
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
  },
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'hold-demo' }).address;
}

/** @param {string} target */
export default async function (target) {
  const held = await hold(target, {
    connections,
    rate: Number(__ENV.RATE || 0),
    network: /** @type {import('k6/x/mconnect').Network} */ (__ENV.NETWORK || 'tcp'),
    source: __ENV.SOURCE || undefined,
    keepalive: __ENV.KEEPALIVE || undefined,
    monitor: '1s',
  });
  await new Promise((resolve) => setTimeout(resolve, milliseconds(__ENV.DURATION || '5s')));
  report(target, await held.close());
}

/** @param {string} target @param {import('k6/x/mconnect').HoldResult} r */
function report(target, r) {
  console.log(`--- ${target} tcp test statistics ---`);
  console.log(`established in total ${r.established_total}, most at once ${r.established_max}, at closure ${r.established_at_close}`);
  console.log(`Response time stats for ${r.established_total} established connections ${stats(r.connect_time)}`);
  if (r.states.error > 0) {
    console.log(`Time to error stats for ${r.states.error} failed connections ${stats(r.error_time)}`);
  }
  if (r.states.closed > 0) {
    console.log(`Lifetime stats for ${r.states.closed} connections that the service closed ${stats(r.lifetime)}`);
  }
  Object.values(r.first_errors).forEach((message) => console.log(message));
}

/** @param {import('k6/x/mconnect').Summary} s */
function stats(s) {
  return `min/avg/max/dev = ${[s.min, s.avg, s.max, s.dev].map((ms) => `${ms.toFixed(3)}ms`).join('/')}`;
}

/** @param {string} text */
function milliseconds(text) {
  const match = /^([0-9.]+)(ms|s|m)$/.exec(text);
  if (!match) {
    throw new TypeError(`DURATION: got ${text}; want a number and ms, s or m, such as 30s`);
  }
  const unit = /** @type {Record<string, number>} */ ({ ms: 1, s: 1000, m: 60000 });
  return Number(match[1]) * unit[match[2]];
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
