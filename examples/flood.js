// Floods a target with connects, and shows who answered, what failed, and how long it took. The run fails (exit code
// 99) if any connect or answer does, or if others than HOSTS answer.
//
//   ./k6 run examples/flood.js                                    three responders inside k6, as a demonstration
//   ./k6 run -e TARGET=10.0.0.2:5001 -e HOSTS=web-1,web-2,web-3 examples/flood.js    a virtual IP with mconnect servers behind it
//   ./k6 run -e TARGET=[1000::2]:5001 -e CONNECTIONS=20000 -e SOURCE=5000::/112 examples/flood.js
//
// Environment: TARGET (comma list of host:port), HOSTS (comma list of who must answer), CONNECTIONS (1000), CONCURRENCY (64), RATE (per second; 0 is as fast as
// possible), NETWORK (tcp, udp, tls, …), SOURCE (address, CIDR, range or list), TIMEOUT (of the whole flood), INSTANCES
// (k6 processes that share the test; each makes CONNECTIONS), and what to write: JSON (a file for the report in the format of `mconnect -output json`), HTML (a file for a page with all charts), SVG
// (an existing directory for the charts), JUNIT (a file for JUnit XML).
import { flood, listen, summary } from 'k6/x/mconnect';

// Each of several k6 processes, with an execution segment of its own, makes one of so many iterations: docs/how-to/many-machines.md.
const instances = Number(__ENV.INSTANCES || 1);

export const options = {
  scenarios: { flood: { executor: 'shared-iterations', vus: instances, iterations: instances } },
  summaryTrendStats: ['min', 'med', 'avg', 'p(90)', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
  },
};

const demo = ['demo-1', 'demo-2', 'demo-3'];
const hosts = __ENV.HOSTS ? __ENV.HOSTS.split(/ *, */) : !__ENV.TARGET && demo;

export function setup() {
  if (__ENV.TARGET) {
    return __ENV.TARGET.split(/ *, */);
  }
  console.warn('no TARGET: a demonstration against responders inside k6');
  return demo.map((hostname) => listen({ hostname }).address);
}

/** @param {string[]} targets */
export default async function (targets) {
  await flood(targets, {
    connections: Number(__ENV.CONNECTIONS || 1000),
    concurrency: Number(__ENV.CONCURRENCY || 64),
    rate: Number(__ENV.RATE || 0),
    network: /** @type {import('k6/x/mconnect').Network} */ (__ENV.NETWORK || 'tcp'),
    source: __ENV.SOURCE || undefined,
    timeout: __ENV.TIMEOUT || undefined,
    expect: { hosts },
  });
}

// What people read, in place of k6's own summary, and the files that are asked for.
export const handleSummary = summary({
  title: `Flood of ${__ENV.TARGET || 'three responders'}`,
  html: __ENV.HTML,
  svg: __ENV.SVG,
  json: __ENV.JSON,
  junit: __ENV.JUNIT,
  replace: true,
});
