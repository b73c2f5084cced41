// A request, and what counts as its answer: other services than mconnect's server, over TCP, TLS and UDP.
//
//   ./k6 run examples/exchange.js                                                    a responder inside k6
//   ./k6 run -e TARGET=10.0.0.2:6379 -e PROTOCOL=redis examples/exchange.js          PING, which PONG answers
//   ./k6 run -e TARGET=10.0.0.2:6380 -e PROTOCOL=redis -e NETWORK=tls examples/exchange.js
//   ./k6 run -e TARGET=10.0.0.2:25 -e PROTOCOL=smtp -e HOSTS=mx1.example.org,mx2.example.org examples/exchange.js
//   ./k6 run -e TARGET=10.0.0.2:53 -e PROTOCOL=dns -e NAME=www.example.com examples/exchange.js
//
// Environment: TARGET, PROTOCOL (redis, smtp, dns), CONNECTIONS (200), NETWORK (of TCP: tcp or tls), HOSTS (comma list of who must answer;
// with smtp, whose greeting names the host), NAME (that is asked for; example.com).
import { flood, listen, summary } from 'k6/x/mconnect';

export const options = {
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
  },
};

/** @type {Record<string, () => import('k6/x/mconnect').FloodOptions>} */
const exchanges = {
  // The responder answers whatever it gets with its name. Group 1 of a match names the host.
  demo: () => ({ network: 'udp', payload: 'who is there?', reply: { match: /^(exchange-\S+)/ }, expect: { hosts: 'exchange-demo' } }),
  redis: () => ({ payload: 'PING\r\n', reply: { match: /^\+PONG/, until: '\r\n' } }),
  // The server speaks first.
  smtp: () => ({ reply: { match: /^220[ -](\S+)/, until: '\r\n' } }),
  // The answer has the number of the query (0x1234), is an answer (0x80), and has no error (the low four bits of the fourth byte).
  dns: () => ({ network: 'udp', payload: query(__ENV.NAME || 'example.com'), reply: { match: /^\x12\x34[\x80-\xff][\x00\x20\x80\xa0]/s } }),
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'exchange-demo' }).address;
}

/** @param {string} target */
export default async function (target) {
  const exchange = exchanges[__ENV.PROTOCOL || 'demo'];
  if (!exchange || (__ENV.TARGET && !__ENV.PROTOCOL)) {
    throw new TypeError(`PROTOCOL: got ${__ENV.PROTOCOL}; want redis, smtp or dns with TARGET`);
  }
  const result = await flood(target, {
    connections: Number(__ENV.CONNECTIONS || 200),
    ...(__ENV.NETWORK ? { network: /** @type {import('k6/x/mconnect').Network} */ (__ENV.NETWORK) } : {}),
    ...(__ENV.HOSTS ? { expect: { hosts: __ENV.HOSTS.split(/ *, */) } } : {}),
    ...exchange(),
  });
  console.log(`answers: ${JSON.stringify(result.hosts)}, median ${result.reply_time.med.toFixed(3)} ms`);
}

/** A DNS query for the IPv4 addresses of a name. @param {string} name */
function query(name) {
  const labels = name.split('.').flatMap((label) => [label.length, ...Array.from(label, (c) => c.charCodeAt(0))]);
  return new Uint8Array([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
