// A soak: connections are opened and closed for a long time while others are held, and no descriptor may be lost on the way.
//
//   ./k6 run examples/soak.js
//   ./k6 run -e TOTAL=1000000 -e RATE=1700 -e HELD=5000 examples/soak.js                      ten minutes
//   ./k6 run -e TARGET=127.0.0.1:5001 -e TOTAL=1000000 -e HELD=5000 examples/soak.js          against a server on this host
//
// Environment: TARGET, TOTAL (connections opened and closed; 20000), HELD (500), RATE (per second; 0 is as fast as possible).
// Without TARGET the descriptors that are watched are those of k6 itself, clients and responder; else the server's.
import { check } from 'k6';
import { flood, hold, listen, sockets, summary } from 'k6/x/mconnect';

const lot = 5000;
const lots = Math.ceil(Number(__ENV.TOTAL || 20000) / lot);

export const options = {
  scenarios: {
    soak: { executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '24h' },
  },
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    checks: ['rate==1'],
  },
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'soak-demo' }).address;
}

/** @param {string} target */
export default async function (target) {
  const port = Number(target.split(':').pop());
  // The first flood starts the event loops, whose descriptors stay.
  await flood(target, { connections: 100, close: 'rst' });
  const before = (await sockets({ port })).fds;
  const held = await hold(target, { connections: Number(__ENV.HELD || 500) });
  for (let i = 0; i < lots; i++) {
    await flood(target, { connections: lot, close: 'rst', rate: Number(__ENV.RATE || 0) });
  }
  await held.close();
  check(await settled(port, before), { 'no descriptor was lost': (after) => after === before });
}

/** The server sees the last connections go a little later than we do. @param {number} port @param {number | undefined} wanted */
async function settled(port, wanted) {
  let fds;
  for (let attempt = 0; attempt < 100; attempt++) {
    fds = (await sockets({ port })).fds;
    if (fds === wanted) {
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return fds;
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
