// The way back to the client delays, loses, reorders or repeats packets: which verdicts does that turn red, and what is measured of it?
// Run by the lab: make lab LAB='-vm -balancer ecmp -scenario netem-loss'
import { flood, traffic } from 'k6/x/mconnect';
import { client, lab, script, tell, tellShare, thresholds } from './lab.js';
import { thresholds as ofTraffic } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };
export { handleSummary } from './lab.js';

const what = __ENV.NETEM || '';
const load = {
  connections: 100, rate: 200, packetSize: 512, duration: '5s', lossTimeout: '20s', connectTimeout: '20s', timeout: '60s', verify: true, ...client,
};

export default script(async () => {
  const connects = await flood(lab.responder, { connections: 1000, rate: 500, connectTimeout: '30s', timeout: '60s', ...client, expect: { hosts: lab.weights } });
  const tcp = await traffic(lab.echo, load);
  const udp = lab.udp ? await traffic(lab.echo, { ...load, network: 'udp', expect: { loss: 0.02 } }) : null;
  const [lost, slow] = [percent('loss'), milliseconds('delay')];
  // A SYN is sent again until its SYN-ACK comes through.
  await tellShare(what, 'share of SYNs sent again', connects.syn_retransmits / connects.connects, lost, 0.08); // a server that repeats its SYN-ACK first saves one, a second loss costs another
  await tell({ change: what, what: 'TCP connections lost', measured: tcp.lost, ideal: 0, accepted: '0', ok: tcp.lost === 0 });
  const { received, round_trip: { med, dev } } = udp ?? tcp;
  if (slow > 0 && !what.includes('reorder')) {
    // Five standard deviations of the median of an even distribution, and a millisecond for clocks; the rest is for the machine.
    const least = Math.floor(slow - 1 - (5 * jitter()) / Math.sqrt(received));
    await tell({ change: what, what: 'round trip, ms', measured: med, ideal: slow, accepted: `${least}–${slow + 50}`, ok: med >= least && med <= slow + 50 });
  }
  if (jitter() > 0) { // even between delay - jitter and delay + jitter
    const ideal = jitter() / Math.sqrt(3);
    await tell({ change: what, what: 'its standard deviation, ms', measured: dev, ideal, accepted: `>= ${Math.floor(ideal * 0.8)}`, ok: dev >= ideal * 0.8 });
  }
  if (udp) {
    await tellShare(what, 'share of UDP packets lost', 1 - udp.received / udp.sent, lost, 0.03);
  }
});

/** @param {string} word a share behind it, 0 without it */
function percent(word) {
  return number(`${word} ([\\d.]+)%`) / 100;
}

/** @param {string} word */
function milliseconds(word) {
  return number(`${word} ([\\d.]+)ms`);
}

/** How far a delay may be off, in ms. */
function jitter() {
  return number('delay [\\d.]+ms ([\\d.]+)ms');
}

/** @param {string} pattern */
function number(pattern) {
  return Number(what.match(pattern)?.[1] ?? 0);
}
