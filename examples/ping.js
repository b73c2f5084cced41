// Where does the time of a request go? One line per ping, in the format of perftest and pingmesh.
//
//   ./k6 run examples/ping.js
//   ./k6 run --log-format raw examples/ping.js                                    # lines with tabs, as perftest prints them; k6's log would escape these
//   ./k6 run -e URL=https://www.example.com/ -e COUNT=10 -e DELAY=1s examples/ping.js
//   ./k6 run -e URL=https://www.example.com/ -e IP=192.0.2.7 examples/ping.js     # this server of several behind the name
//   ./k6 run -e TARGET=10.0.0.2:5432 examples/ping.js                             # a peer without HTTP: connect time alone
//
// Environment, from -e and the shell: either URL (http or https; with IP, which overrides DNS) or TARGET (host:port), by default a server
// inside k6; COUNT (pings, 5), DELAY (between them, 200ms), FROM (where this runs, for the lines and the tag `from`), MAX_MS (the 95th
// percentile of the connect time may not be above, 1000).
import { sleep } from 'k6';
import { format, listen, ping, summary, tcpPing } from 'k6/x/mconnect';

const { URL: page, TARGET: target, IP: ip, FROM: from } = __ENV;
if (page && target) {
  throw new TypeError(`URL is ${page} and TARGET is ${target}; want one of them: URL for HTTP, TARGET for the TCP connect alone (-e TARGET= takes one of the shell away)`);
}
if (ip && !page) {
  throw new TypeError(`IP is ${ip} without URL; want the URL too whose host has that address, such as -e URL=https://www.example.com/ (-e IP= takes one of the shell away)`);
}

export const options = {
  iterations: number('COUNT', 5, 1, 1e9),
  dns: { ttl: '0' }, // a look-up for each ping, not one for all
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    mconnect_ping_connect: [`p(95)<=${number('MAX_MS', 1000, 0, 1e9)}`],
  },
};

const delay = seconds(__ENV.DELAY || '200ms');

export function setup() {
  if (!page && !target) {
    console.warn('no URL or TARGET: a demonstration against a server inside k6');
    return `${listen({ http: '127.0.0.1:0', hostname: 'ping-demo' }).http}/v1/ping`;
  }
  return page;
}

/** @param {string} url */
export default async function (url) {
  if (url) {
    const result = await ping(url, { from: from || undefined, ip: ip || undefined });
    console.log(format(result));
  } else {
    const result = await tcpPing(target, { from: from || undefined });
    console.log(`${result.remote_addr}: ${result.error || 'connected'} after ${result.connect.toFixed(3)} ms, kernel's RTT ${result.rtt.toFixed(3)} ms`);
  }
  sleep(delay);
}

/** @param {string} name @param {number} otherwise @param {number} least @param {number} most */
function number(name, otherwise, least, most) {
  const value = Number(__ENV[name] || otherwise);
  if (!(value >= least && value <= most) || (name === 'COUNT' && !Number.isInteger(value))) {
    throw new TypeError(`${name}: got ${__ENV[name]}; want a ${name === 'COUNT' ? 'whole ' : ''}number from ${least} to ${most}`);
  }
  return value;
}

/** @param {string} text */
function seconds(text) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (!match) {
    throw new TypeError(`DELAY: got ${text}; want a number and ms, s or m, such as 500ms`);
  }
  const unit = /** @type {Record<string, number>} */ ({ ms: 0.001, s: 1, m: 60 });
  return Number(match[1]) * unit[match[2]];
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
