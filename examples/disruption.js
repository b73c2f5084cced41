// A backend leaves, and comes back: how many flows move to another backend, and how many had to?
//
//   ./k6 run examples/disruption.js
//   ./k6 run -e MODEL=maglev -e REMOVE=web-5 examples/disruption.js
//   ./k6 run -e TARGET=10.0.0.2:5001 -e SOURCE=198.18.0.0/24 -e BACKENDS=web-1,web-2,web-3 -e REMOVE=web-2 -e PAUSE=30 examples/disruption.js
//
// Without a TARGET, the load balancer is played on loopback. Its hash space is cut into 90 slots, each a responder of its
// own that answers with the name of the backend that owns the slot. Connections take the slots in turn, and a change of the
// backends is a change of the slots' owners: so this shows what each way to choose owners costs, not what your load
// balancer does. With a TARGET, take the backend out, and back in, by hand (or with k6/x/exec) in the pauses.
import { sleep } from 'k6';
import { disruption, flood, listen, summary } from 'k6/x/mconnect';

export const options = {
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    'mconnect_verdicts{verdict:moved}': ['count==2'], // both changes were judged
  },
};

const model = /** @type {import('k6/x/mconnect').DisruptionModel} */ (__ENV.MODEL || 'ecmp');
const backends = (__ENV.BACKENDS || 'web-1,web-2,web-3,web-4,web-5,web-6,web-7,web-8,web-9,web-10').split(/ *, */);
const leaving = __ENV.REMOVE || backends[0];
const staying = backends.filter((name) => name !== leaving);
const known = !__ENV.TARGET || !!__ENV.BACKENDS; // the names of all backends

// The same source addresses and ports in each flood make the same 5-tuples; resets leave none of them in TIME_WAIT.
const fixed = { connections: 1980, source: __ENV.SOURCE || '127.9.0.0/24', sourcePorts: '20000-20099', close: /** @type {'rst'} */ ('rst'), flows: true };

export default async function () {
  const balancer = __ENV.TARGET ? { targets: [__ENV.TARGET], change: pause } : played();
  const all = await flood(balancer.targets, { ...fixed, expect: { hosts: known && backends } });
  balancer.change('out', staying);
  const fewer = await flood(balancer.targets, { ...fixed, expect: { hosts: known && staying } });
  const out = disruption(all, fewer, { model, backends, removed: leaving, tags: { change: 'out' } });
  balancer.change('in', backends);
  const again = await flood(balancer.targets, fixed);
  const back = disruption(fewer, again, { model, backends, added: leaving, tags: { change: 'in' } });
  console.log(told(`${leaving} leaves`, out));
  console.log(told(`${leaving} comes back`, back));
}

/** @param {string} change */
function pause(change) {
  console.log(`take ${leaving} ${change} now`);
  sleep(Number(__ENV.PAUSE || 10));
}

/** The load balancer on loopback. */
function played() {
  console.warn('no TARGET: a demonstration against responders inside k6');
  let owners = ownersAmong(backends, []);
  const slots = owners.map((hostname) => listen({ hostname }));
  const targets = slots.map((slot) => slot.address);
  /** @param {string} change @param {string[]} now */
  function change(change, now) {
    const next = ownersAmong(now, owners);
    next.forEach((hostname, i) => {
      if (hostname !== owners[i]) {
        slots[i].close();
        slots[i] = listen({ hostname, address: targets[i] });
      }
    });
    owners = next;
  }
  return { targets, change };
}

/**
 * Who owns which slot, by the model, if these are the backends and that is how it was.
 *
 * @param {string[]} now
 * @param {string[]} was
 */
function ownersAmong(now, was) {
  const slots = 90; // a multiple of ten backends and of nine
  const regions = Array.from({ length: slots }, (_, i) => now[Math.floor((i * now.length) / slots)]);
  if (model === 'ecmp' || was.length === 0) {
    return regions; // RFC 2992: each has a region of the hash space, in order
  }
  // Whoever stays keeps what he has, up to his share; the rest goes to whoever has least. Connection tracking knows no shares.
  const share = model === 'stateful' ? slots : Math.ceil(slots / now.length);
  const has = Object.fromEntries(now.map((name) => [name, 0]));
  const next = was.map((name) => (has[name] < share && (has[name] += 1) ? name : ''));
  for (const i of next.keys()) {
    if (next[i] === '') {
      next[i] = now.reduce((least, name) => (has[name] < has[least] ? name : least));
      has[next[i]] += 1;
    }
  }
  return next;
}

/** @param {string} change @param {import('k6/x/mconnect').DisruptionVerdict} v */
function told(change, v) {
  const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;
  return `${change}: ${percent(v.moved_share)} of ${v.flows} flows moved, the ideal of '${v.model}' is ${percent(v.ideal_share)}; ` +
    `${v.inevitable} had to, ${v.claimed} were claimed by the newcomer, ${v.needless} moved between others; ${v.lost} lost`;
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
