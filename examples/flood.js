// Floods a target with connects, and shows who answered, what failed, and how long it took. The run fails (exit code
// 99) if any connect or answer does, or if others than HOSTS answer.
//
//   ./k6 run examples/flood.js                                    three responders inside k6, as a demonstration
//   ./k6 run -e TARGET=10.0.0.2:5001 -e HOSTS=web-1,web-2,web-3 examples/flood.js    a virtual IP with mconnect servers behind it
//   ./k6 run -e TARGET=[1000::2]:5001 -e CONNECTIONS=20000 -e SOURCE=5000::/112 examples/flood.js
//
// Environment: TARGET (comma list of host:port), HOSTS (comma list of who must answer), CONNECTIONS (1000), CONCURRENCY (64), RATE (per second; 0 is as fast as
// possible), NETWORK (tcp, udp, tls, …), SOURCE (address, CIDR, range or list), TIMEOUT (of the whole flood), and what to
// write: JSON (a file for the report in the format of `mconnect -output json`), HTML (a file for a page with all charts), SVG
// (an existing directory for the charts).
import { flood, listen, report } from 'k6/x/mconnect';

export const options = {
  summaryTrendStats: ['min', 'med', 'avg', 'p(90)', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
  },
};

const demo = ['demo-1', 'demo-2', 'demo-3'];
const hosts = __ENV.HOSTS ? __ENV.HOSTS.split(',') : !__ENV.TARGET && demo;

export function setup() {
  if (__ENV.TARGET) {
    return __ENV.TARGET.split(',');
  }
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

/** @param {any} data */
export function handleSummary(data) {
  const total = report();
  /** @type {Record<string, string>} */
  const files = { stdout: summary(total, data.metrics) };
  if (__ENV.JSON) {
    files[__ENV.JSON] = JSON.stringify(total) + '\n';
  }
  if (__ENV.HTML) {
    files[__ENV.HTML] = report({ format: 'html', title: `Flood of ${__ENV.TARGET || 'three responders'}` });
  }
  if (__ENV.SVG) {
    for (const [name, chart] of Object.entries(report({ format: 'svg' }))) {
      files[`${__ENV.SVG}/${name}.svg`] = chart;
    }
  }
  return files;
}

/**
 * @param {import('k6/x/mconnect').Report} total
 * @param {any} metrics
 */
function summary(total, metrics) {
  const seconds = total.duration / 1e9;
  const answers = Object.values(total.hosts).reduce((sum, n) => sum + n, 0);
  const lines = [
    '',
    `  ${total.connects} connects in ${seconds.toFixed(2)} s, ${Math.round(total.connects / seconds || 0)} a second`,
    '',
    row('answered', answers, total.connects),
    row('failed connects', total.failed_connects, total.connects),
    row('failed reads', total.failed_reads, total.connects),
    row('not initiated', total.states.not_initiated, total.connects),
    ...Object.entries(total.errors).map(([name, n]) => `    ${name.padEnd(18)} ${String(n).padStart(9)}`),
    ...Object.values(total.first_errors).map((message) => `    ${message}`),
    '',
    ...bars(total.hosts, answers),
    '',
    '                              min       med       avg     p(95)     p(99)       max',
    times('time to connect', metrics.mconnect_connect_duration),
    times('time to answer', metrics.mconnect_reply_duration),
    times("handshake's RTT", metrics.mconnect_rtt),
    '',
    ...thresholds(metrics),
    '',
  ];
  return lines.join('\n') + '\n';
}

/** @param {string} name @param {number} n @param {number} of */
function row(name, n, of) {
  return `  ${name.padEnd(20)} ${String(n).padStart(9)}  ${((100 * n) / of || 0).toFixed(2).padStart(6)} %`;
}

/** The hosts with the most answers, each with a bar for its share. @param {Record<string, number>} hosts @param {number} answers */
function bars(hosts, answers) {
  const most = 20;
  const width = 40;
  const sorted = Object.entries(hosts).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const largest = sorted.length ? sorted[0][1] : 1;
  const lines = sorted.slice(0, most).map(([name, n]) => {
    const bar = '█'.repeat(Math.max(1, Math.round((width * n) / largest)));
    return `  ${name.slice(0, 40).padEnd(20)} ${String(n).padStart(9)}  ${((100 * n) / answers).toFixed(2).padStart(6)} %  ${bar}`;
  });
  if (sorted.length > most) {
    lines.push(`  … and ${sorted.length - most} more hosts`);
  }
  return lines;
}

/** @param {string} name @param {any} metric */
function times(name, metric) {
  if (!metric) {
    return `  ${name.padEnd(20)}         –`;
  }
  const v = metric.values;
  const columns = [v.min, v.med, v.avg, v['p(95)'], v['p(99)'], v.max];
  return `  ${name.padEnd(20)} ` + columns.map((ms) => (ms === undefined ? '–' : `${ms.toFixed(3)}`).padStart(9)).join(' ') + '  ms';
}

/** @param {any} metrics */
function thresholds(metrics) {
  return Object.entries(metrics).flatMap(([name, metric]) =>
    Object.entries(metric.thresholds || {}).map(([rule, { ok }]) => `  ${ok ? '✓' : '✗'} ${name} ${rule}`),
  );
}
