// Steady traffic over connections that are kept up, and verdicts on what breaks when backends come and go.
//
//   ./k6 run examples/traffic.js                                       against an echo server inside k6
//   ./k6 run -e TARGET=10.0.0.1:5003 -e DURATION=60s examples/traffic.js
//   ./k6 run -e TARGET=10.0.0.1:5003 -e NETWORK=udp examples/traffic.js
//
// TARGET is a server that echoes: `mconnect-server -echo :5003`, or ctraffic's. CONNECTIONS (100), RATE in KB/s of all connections
// together (1000; 0 is as fast as the echoes come), PACKET_SIZE (1024; a comma list of sizes takes turns), DURATION (5s), SOURCE, VERIFY=1
// (compares each echo with what was sent), LOSS (the largest share of packets that may be lost) and MAX_MS (the 99th percentile of the
// round trip, 100) may be set too.
// INSTANCES are the k6 processes that share the test.
// CONTROL=host:port takes announcements of changes, whose losses are excused:
//   curl -X POST 'http://127.0.0.1:8099/change?text=restart+of+web-1&hosts=web-1&within=5s'
// HTML=file writes the report as a page, SVG=directory its pictures, JSON=file its numbers, JUNIT=file its verdicts.
import { listen, summary, traffic } from 'k6/x/mconnect';

// Each of several k6 processes, with an execution segment of its own, makes one of so many iterations: docs/how-to/many-machines.md.
const instances = Number(__ENV.INSTANCES || 1);

export const options = {
  scenarios: { traffic: { executor: 'shared-iterations', vus: instances, iterations: instances, maxDuration: '24h' } },
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    mconnect_round_trip: [`p(99)<${__ENV.MAX_MS || 100}`],
  },
  summaryTrendStats: ['min', 'avg', 'med', 'p(90)', 'p(99)', 'max'],
};

export default async function () {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  const server = __ENV.TARGET ? null : listen({ address: '127.0.0.1:0', echo: true });
  const control = __ENV.CONTROL ? listen({ http: __ENV.CONTROL }) : null;
  await traffic(__ENV.TARGET || (server ? server.address : ''), {
    network: /** @type {'tcp' | 'udp'} */ (__ENV.NETWORK || 'tcp'),
    connections: Number(__ENV.CONNECTIONS || 100),
    rate: Number(__ENV.RATE || 1000),
    packetSize: (__ENV.PACKET_SIZE || '1024').split(',').map(Number),
    verify: Boolean(__ENV.VERIFY),
    duration: __ENV.DURATION || '5s',
    source: __ENV.SOURCE || undefined,
    expect: { loss: __ENV.LOSS ? Number(__ENV.LOSS) : false },
  });
  if (server) server.close();
  if (control) control.close();
}

// What people read, in place of k6's own summary, and the files that are asked for.
export const handleSummary = summary({
  title: `Traffic to ${__ENV.TARGET || 'a responder'}`,
  html: __ENV.HTML,
  svg: __ENV.SVG,
  json: __ENV.JSON,
  junit: __ENV.JUNIT,
  replace: true,
});
