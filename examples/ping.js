// Where does the time of a request go? One line per ping, in the format of perftest and pingmesh.
//
//   ./k6 run examples/ping.js
//   ./k6 run -e URL=https://www.example.com/ -e COUNT=10 -e DELAY=1s examples/ping.js
//   ./k6 run -e URL=https://www.example.com/ -e IP=192.0.2.7 examples/ping.js     # this server of several behind the name
//   ./k6 run -e TARGET=10.0.0.2:5432 examples/ping.js                             # a peer without HTTP: connect time alone
//
// Environment: URL (http or https), IP (overrides DNS), TARGET (host:port), COUNT (pings, 5), DELAY (between them, 200ms), FROM (where this
// runs, for the lines and the tag `from`), MAX_MS (the 95th percentile of the connect time may not be above, 1000).
import { sleep } from 'k6';
import { format, listen, ping, tcpPing } from 'k6/x/mconnect';

export const options = {
  iterations: Number(__ENV.COUNT || 5),
  dns: { ttl: '0' }, // a look-up for each ping, not one for all
  thresholds: {
    mconnect_pings: ['count>0'],
    mconnect_ping_connect: [`p(95)<=${__ENV.MAX_MS || 1000}`],
    mconnect_ping_failed: ['rate==0'],
  },
};

const delay = seconds(__ENV.DELAY || '200ms');

export function setup() {
  if (!__ENV.URL && !__ENV.TARGET) {
    console.log('no URL or TARGET given: pinging a server inside k6');
    return `${listen({ http: '127.0.0.1:0', hostname: 'ping-demo' }).http}/v1/ping`;
  }
  return __ENV.URL;
}

/** @param {string} url */
export default async function (url) {
  const from = __ENV.FROM || undefined;
  if (url) {
    const result = await ping(url, { from, ip: __ENV.IP || undefined });
    console.log(format(result));
  } else {
    const result = await tcpPing(__ENV.TARGET, { from });
    console.log(`${result.remote_addr}: ${result.error || 'connected'} after ${result.connect.toFixed(3)} ms, kernel's RTT ${result.rtt.toFixed(3)} ms`);
  }
  sleep(delay);
}

/** @param {string} text */
function seconds(text) {
  const match = /^([0-9.]+)(ms|s|m)$/.exec(text);
  if (!match) {
    throw new TypeError(`DELAY: got ${text}; want a number and ms, s or m, such as 500ms`);
  }
  const unit = /** @type {Record<string, number>} */ ({ ms: 0.001, s: 1, m: 60 });
  return Number(match[1]) * unit[match[2]];
}
