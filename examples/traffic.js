// Steady traffic over connections that are kept up, and verdicts on what breaks when backends come and go.
//
//   ./k6 run examples/traffic.js                                       against an echo server inside k6
//   ./k6 run -e TARGET=10.0.0.1:5003 -e DURATION=60s examples/traffic.js
//   ./k6 run -e TARGET=10.0.0.1:5003 -e NETWORK=udp examples/traffic.js
//
// TARGET is a server that echoes: `mconnect-server -echo :5003`, or ctraffic's. CONNECTIONS (100), RATE in KB/s of all connections
// together (1000; 0 is as fast as the echoes come), PACKET_SIZE (1024; a comma list of sizes takes turns), DURATION (5s), SOURCE, VERIFY=1
// (compares each echo with what was sent) and LOSS (the largest share of packets that may be lost) may be set too.
// CONTROL=host:port takes announcements of changes, whose losses are excused:
//   curl -X POST 'http://127.0.0.1:8099/change?text=restart+of+web-1&hosts=web-1&within=5s'
// HTML=file writes the report as a page, SVG=directory its pictures, JSON=file its numbers.
import { listen, report, traffic } from 'k6/x/mconnect';

export const options = {
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    mconnect_round_trip: ['p(99)<100'],
  },
  summaryTrendStats: ['min', 'avg', 'med', 'p(90)', 'p(99)', 'max'],
};

export default async function () {
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

/** @param {any} data */
export function handleSummary(data) {
  const total = report();
  /** @type {Record<string, string>} */
  const files = { stdout: [...(total.traffic || []).flatMap(summary), ...thresholds(data.metrics), ''].join('\n') + '\n' };
  if (__ENV.JSON) {
    files[__ENV.JSON] = JSON.stringify(total) + '\n';
  }
  if (__ENV.HTML) {
    files[__ENV.HTML] = report({ format: 'html', title: `Traffic to ${__ENV.TARGET || 'a responder'}` });
  }
  if (__ENV.SVG) {
    for (const [name, chart] of Object.entries(report({ format: 'svg' }))) {
      files[`${__ENV.SVG}/${name}.svg`] = chart;
    }
  }
  return files;
}

/** @param {import('k6/x/mconnect').TrafficResult} call */
function summary(call) {
  const ms = (/** @type {number} */ ns) => `${(ns / 1e6).toFixed(2)} ms`;
  const { min, med, max } = call.round_trip;
  const lines = [
    '',
    `  ${call.lasting} of ${call.connections} connections lasted, ${call.lost} were lost, ${call.reconnects} made again, ${call.moved} flows moved`,
    `  ${call.sent} packets sent, ${call.received} came back, ${call.dropped} dropped as an echo was late, ${call.retransmits} segments sent again`,
    `  round trip ${ms(min)} to ${ms(max)}, median ${ms(med)}, 99 % within ${ms(call.round_trip['p(99)'])}`,
    ...Object.entries(call.lost_by_host).map(([host, lost]) => `  ${host} lost ${lost} connections, ${call.needless_by_host[host] || 0} of them needlessly`),
    ...call.outages.map((o) => `  ${o.connections} connections to ${o.hosts.join(', ')} were down from ${ms(o.from)} ${o.to === null ? 'on' : `to ${ms(o.to)}`}`),
    ...Object.values(call.first_errors).map((message) => `  ${message}`),
  ];
  if (call.first_loss !== null) {
    const recovered = call.recovered === null ? 'not all were up again by the end' : `all were up again after ${ms(call.recovered)}`;
    lines.push(`  the first loss was after ${ms(call.first_loss)}, ${recovered}`);
  }
  return [...lines, '', ...call.verdicts.map(({ name, ok, text }) => `  ${ok ? '✓' : '✗'} ${name}: ${text}`), ''];
}

/** @param {any} metrics */
function thresholds(metrics) {
  return Object.entries(metrics).flatMap(([name, metric]) =>
    Object.entries(metric.thresholds || {}).map(([rule, { ok }]) => `  ${ok ? '✓' : '✗'} ${name} ${rule}`),
  );
}
