// Can everybody reach everybody, and how fast? Each k6 instance takes the list of peers from any server of a mesh, and pings all of them
// at a constant rate, whether they answer or not. Run it at every site: its thresholds are those of the pairs from there.
//
//   ./k6 run examples/mesh.js
//   ./k6 run -e SERVER=http://10.0.0.1:8090 -e TO=Hamburg,Paris,Tokyo -e FROM=Bremen -e DURATION=5m examples/mesh.js
//
// Environment, from -e and the shell: SERVER (URL of any mconnect-server -http, or pingmesh; default: three servers inside k6), TO
// (locations that must be there and fast: thresholds are made before there is a network, so their names must be known), FROM (where this
// runs; default: this host's name), RATE (rounds per second, 1; 0.5 is one every two seconds), DURATION (5s), MAX_MS (the median connect
// time of a pair may not be above, 500), MAX_FAILED (part of a pair's pings that may fail, 0.01).
import http from 'k6/http';
import { sleep } from 'k6';
import { listen, ping, summary } from 'k6/x/mconnect';

const demo = ['Hamburg', 'Paris', 'Tokyo'];
const expected = (__ENV.TO || (__ENV.SERVER ? '' : demo.join(','))).split(',').filter(Boolean).map(tag);
const maxMS = number('MAX_MS', 500, 0, 1e9);
const maxFailed = number('MAX_FAILED', 0.01, 0, 1);

export const options = {
  scenarios: {
    mesh: {
      executor: 'constant-arrival-rate',
      rate: 1, // k6 takes whole numbers only, so RATE is in the unit
      timeUnit: `${1000 / number('RATE', 1, 0.001, 1000)}ms`,
      duration: __ENV.DURATION || '5s',
      preAllocatedVUs: 5,
      maxVUs: 100, // a round lasts as long as its slowest ping, 5 s if a peer is silent
    },
  },
  // Thresholds for each pair in place of one on all verdicts: MAX_FAILED of the pings may fail.
  thresholds: Object.assign(
    { mconnect_pings: ['count>0'], mconnect_ping_failed: [`rate<=${maxFailed}`], 'mconnect_verdict_failed{verdict:ran}': ['rate==0'] },
    ...expected.map((to) => ({
      [`mconnect_pings{to:${to}}`]: ['count>0'],
      [`mconnect_ping_failed{to:${to}}`]: [`rate<=${maxFailed}`],
      [`mconnect_ping_connect{to:${to}}`]: [`med<=${maxMS}`],
    })),
  ),
};

/** @typedef {{url: string, ip?: string, to: string}} Peer */

export function setup() {
  const peers = peersOf((__ENV.SERVER || startDemo()).replace(/\/+$/, ''));
  peers.forEach(({ to, url }) => console.log(`${to}\t${url}`));
  const missing = expected.filter((to) => !peers.some((peer) => peer.to === to));
  if (missing.length > 0) {
    throw new Error(`TO: ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} not in the list of peers, which has ${peers.map((peer) => peer.to).join(', ')}`);
  }
  return peers;
}

// Some pings may fail: the thresholds say how many.
const expect = { connected: false, answered: false };

/** One round. @param {Peer[]} peers */
export default async function (peers) {
  await Promise.all(peers.map(({ url, ip, to }) => ping(url, { ip, to, from: __ENV.FROM || undefined, timeout: '5s', expect })));
}

/** The server itself, and all that it pings. @param {string} server @returns {Peer[]} */
function peersOf(server) {
  const told = list(server);
  const itself = { url: `${server}/v1/ping`, to: tag(told.SrvLoc) };
  const others = (told.Peers || []).map((/** @type {any} */ peer) => ({
    url: peer.Url,
    ip: peer.Resolved ? undefined : peer.PeerIP || undefined, // mconnect-server tells one that DNS said, too
    to: tag(known(peer) ? peer.Location : peer.Host),
  }));
  return [itself, ...others];
}

/** @param {string} server @returns {any} */
function list(server) {
  const response = http.get(`${server}/v1/peers`, { timeout: '10s' });
  if (response.status !== 200 || !`${response.body}`.includes('"SrvLoc"')) {
    throw new Error(`${server}/v1/peers: ${response.status || response.error}; no list of peers; want the URL of an mconnect-server -http that is part of a mesh, or of pingmesh, in SERVER`);
  }
  return response.json();
}

/** A peer's location is known once it has answered. @param {any} peer */
function known(peer) {
  return peer.Location && peer.Location !== 'unknown';
}

/** @param {string} name @param {number} otherwise @param {number} least @param {number} most */
function number(name, otherwise, least, most) {
  const value = Number(__ENV[name] || otherwise);
  if (!(value >= least && value <= most)) {
    throw new TypeError(`${name}: got ${__ENV[name]}; want a number from ${least} to ${most}`);
  }
  return value;
}

/** Names of thresholds have no room for commas, colons and braces. @param {string} location */
function tag(location) {
  return location.replace(/[,:{}]/g, ' ').trim();
}

/** Three servers, of which the first pings the others. Returns its URL. */
function startDemo() {
  console.warn('no SERVER: a demonstration with three servers inside k6');
  const [first, ...others] = demo.map((hostname) => listen({ http: '127.0.0.1:0', hostname }).http);
  others.forEach((url) => http.get(`${first}/v1/addpeer?url=${encodeURIComponent(`${url}/v1/ping`)}`));
  for (let tries = 0; tries < 100 && !list(`${first}`).Peers.every(known); tries++) {
    sleep(0.1);
  }
  return `${first}`;
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
