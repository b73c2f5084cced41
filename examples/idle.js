// How long may a connection be silent before something on the way forgets it, and what happens then?
//
//   ./k6 run examples/idle.js
//   ./k6 run -e TARGET=10.0.0.2:5001 -e TO=10m -e EXPECT=5m examples/idle.js
//   ./k6 run -e TARGET=10.0.0.2:53 -e NETWORK=udp -e TO=4m examples/idle.js
//
// Environment: TARGET, NETWORK, CONNECTIONS (silent at the same time), FROM and TO (the silences that are tried), PRECISION, EXPECT (a silence
// that must be well, or the exit code is 99), PAYLOAD (for services that do not echo: what they answer).
import { check } from 'k6';
import { idle, listen, summary } from 'k6/x/mconnect';

export const options = {
  scenarios: {
    // The search takes up to about twice TO.
    search: { executor: 'per-vu-iterations', maxDuration: __ENV.MAX_DURATION || '3h' },
  },
  thresholds: { checks: ['rate==1'] }, // a timeout is what is looked for, so that verdicts alone would not say whether one was found
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'idle-demo', echo: true, idleTimeout: '3s' }).address;
}

/** @param {string} target */
export default async function (target) {
  const result = await idle(target, {
    network: /** @type {import('k6/x/mconnect').Network} */ (__ENV.NETWORK || 'tcp'),
    connections: Number(__ENV.CONNECTIONS || 20),
    from: __ENV.FROM || '1s',
    to: __ENV.TO || '1m',
    precision: __ENV.PRECISION || undefined,
    payload: __ENV.PAYLOAD || undefined,
    expect: __ENV.EXPECT ? { timeout: __ENV.EXPECT } : undefined,
    monitor: '10s',
  });
  console.log(describe(result));
  check(result, {
    'the service answers': (r) => r.control.answered,
    'the search came to its end': (r) => r.finished,
    'the expected silence is well': (r) => !r.expected || r.expected.how === 'none',
  });
}

/** @param {import('k6/x/mconnect').IdleResult} r */
function describe(r) {
  const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(2)} s`;
  const after = {
    fin: 'it is closed',
    rst: 'it is reset',
    silent: 'what is sent on it is swallowed',
  };
  if (!r.control.answered) {
    return `nothing found out: ${r.control.message}`;
  }
  if (r.how === 'none') {
    return `a connection may be silent for ${seconds(r.at_least)} and more`;
  }
  if (r.how === '' || r.timeout === null || r.at_most === null) {
    return `a connection may be silent for at least ${seconds(r.at_least)}; there was no time to find out more`;
  }
  return `a connection may be silent for ${seconds(r.timeout)} (${seconds(r.at_least)} to ${seconds(r.at_most)}), then ${after[r.how]}; found in ${seconds(r.duration)}`;
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
