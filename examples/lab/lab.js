// What the scripts of the lab share: what they are told about it, its operations, and rows of its table.
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { change as announce, sockets } from 'k6/x/mconnect';

/**
 * What the lab tells its scripts. `live` is the model for established connections with traffic, `flows` that for
 * connections that are made again from the same addresses and ports, if there is one. `affinity`: it chooses by source address,
 * `proxy`: it accepts connections before it has a backend for them.
 * `weights` are what backends are due in relation to each other, `red` the verdicts that have to fail in this run.
 * `driver` makes the connections. `servers` are the URLs of the backends' HTTP listeners, which are reached without the load balancer.
 *
 * @typedef {import('k6/x/mconnect').DisruptionModel} Model
 * @typedef {'remove' | 'drain' | 'add' | 'kill' | 'restart'} Operation
 * @type {{control: string, balancer: string, live: Model, flows: Model | '', udp: boolean, affinity: boolean, proxy: boolean, backends: string[], servers: string[], responder: string, echo: string, source: string, driver: 'sockets' | 'packets', red: string[], weights: Record<string, number>}}
 */
export const lab = JSON.parse(__ENV.LAB);

/** Where connections come from, and what makes them. */
export const client = { source: lab.source, driver: lab.driver };

const echoPort = 5003; // of the servers

/** The backend that the scenario is about, 1 to the number of backends, and its name. */
export const number = Number(__ENV.BACKEND || 1);
export const backend = lab.backends[number - 1];

const verdictNames = [
  'complete', 'connected', 'answered', 'kept', 'recovered', 'intact', 'hosts', 'balance', 'moved', 'affinity', 'source',
  'loss', 'recovery', 'capacity', 'idle', 'prompt', 'sockets', 'ran',
];
const failedVerdict = (/** @type {string} */ name) => `mconnect_verdict_failed{verdict:${name}}`;

/** There are verdicts, and each holds but those in red. Each name has a threshold of its own, since k6 counts only those apart. */
export const verdicts = {
  mconnect_verdicts: ['count>0'], ...(lab.red.length === 0 && { mconnect_verdict_failed: ['rate==0'] }),
  ...Object.fromEntries(verdictNames.map((name) => [failedVerdict(name), [lab.red.includes(name) ? 'rate>0' : 'rate==0']])),
};

/** Every scenario has at least one check, none fails, and all verdicts hold. */
export const thresholds = { checks: ['rate==1'], http_req_failed: ['rate==0'], ...verdicts };

/**
 * Tells the lab, on standard output, which verdicts were given and which of them have failed.
 *
 * @param {{metrics: Record<string, {values: {passes: number, fails: number}}>}} data
 */
export function handleSummary({ metrics }) {
  const counts = verdictNames.map((name) => ({ name, ...metrics[failedVerdict(name)].values }));
  const red = counts.filter(({ passes }) => passes > 0).map(({ name }) => name); // k6 calls a sample that is true a pass
  const green = counts.filter(({ passes, fails }) => passes === 0 && fails > 0).map(({ name }) => name);
  return { stdout: JSON.stringify({ red, green }) };
}

/**
 * A script's function. One that throws fails the run; k6 alone would only log it.
 *
 * @param {() => Promise<void>} run
 */
export function script(run) {
  return async () => {
    try {
      await run();
    } catch (error) {
      exec.test.abort(`${error}`);
    }
  };
}

/**
 * Asks the lab for a change of a backend, or of all, which is done when this resolves:
 *
 * - `remove`: the load balancer is told that it leaves, and its server ends, as in a scale-down
 * - `drain`: the load balancer is told, and the server goes on
 * - `add`: the server starts, and the load balancer is told
 * - `kill`, `restart`: the server ends and starts, and nobody is told
 *
 * Where a server ends, the loss of its own connections is announced. Every other loss is needless, also while the load balancer adds or drains a backend.
 * Behind a proxy that still takes a crashed server for a healthy one, new connections end before anybody knows whose they were: that is announced as a change of all.
 *
 * @param {Operation} operation
 * @param {number | 'all'} [which]
 */
export async function change(operation, which = number) {
  if (operation === 'remove' || operation === 'kill') {
    announce(`${operation} ${which}`, which === 'all' || (operation === 'kill' && lab.proxy) ? {} : { hosts: lab.backends[which - 1] });
  }
  await ask(`/${operation}?backend=${which}`);
}

/** Breaks what the lab has been asked to break. Does nothing while it shows that all is well without that. */
export async function breakIt() {
  await ask('/fault');
}

/**
 * Ends this run: the machine was too slow for it, and the lab tries again with more time.
 *
 * @param {string} why
 */
export async function tooBusy(why) {
  await ask('/busy');
  throw new Error(`this machine is too busy: ${why}`);
}

/** @param {number} percent of the packets that the load balancer loses */
export async function drop(percent) {
  await ask(`/drop?percent=${percent}`);
}

/**
 * The number of the backend at each place of the load balancer's own table, null if it has none.
 *
 * @returns {Promise<number[] | null>}
 */
export async function places() {
  return JSON.parse(await ask('/places'));
}

/**
 * The connections that the load balancer remembers, with the client's address and port and the backend's name.
 *
 * @returns {Promise<{network: 'tcp' | 'udp', client: string, backend: string}[]>}
 */
export async function connections() {
  return JSON.parse(await ask('/connections'));
}

/** Lets a resilient group share out again the buckets that have been idle for its idle_timer, a second. */
export async function settle() {
  if (lab.live === 'resilient') {
    await pause(2500);
  }
}

/**
 * The part of the live connections that a change of one backend has to cost.
 *
 * @param {Operation} operation
 */
export function idealLoss(operation) {
  const n = lab.backends.length;
  switch (lab.live) {
    case 'ecmp': // RFC 2992, section 3: the borders between the others shift too
      return (number * (number - 1) + (n - number) * (n - number + 1)) / (2 * n * (n - 1));
    case 'maglev':
      return 1 / n;
    case 'resilient': // a bucket in use keeps its backend for as long as there is one
      return operation === 'add' ? 0 : 1 / n;
    case 'stateful':
      return operation === 'remove' ? lab.weights[backend] / total(lab.weights) : 0;
  }
}

/** @param {Record<string, number>} weights */
function total(weights) {
  return Object.values(weights).reduce((sum, weight) => sum + weight, 0);
}

/**
 * How far from its ideal a share of so many connections may be: five standard deviations of independent choices, which chance exceeds once in two million
 * rows, and 0.02 for tables with few places for each backend. Rounded up to two digits.
 *
 * @param {number} ideal
 * @param {number} connections
 */
export function tolerance(ideal, connections) {
  return Math.ceil(500 * Math.sqrt((ideal * (1 - ideal)) / connections) + 2) / 100;
}

/** The largest part of the connections that one backend is due. */
export function largestShare() {
  return Math.max(...Object.values(lab.weights)) / total(lab.weights);
}

/**
 * The least share of connections that must not be lost needlessly: all, less those that the load balancer can't keep by its model.
 *
 * @param {Operation} operation
 * @param {number} connections
 */
export function kept(operation, connections) {
  if (lab.live === 'stateful') {
    return 1;
  }
  const [ideal, announced] = [idealLoss(operation), operation === 'remove' ? 1 / lab.backends.length : 0];
  return 1 - (ideal - announced) - tolerance(ideal, connections);
}

/**
 * A row of the table, and a check. Numbers have three digits after the point if they are shares, else none.
 * @param {{change: string, what: string, measured: number, ideal?: number, accepted: string, ok: boolean}} row
 */
export async function tell(row) {
  const { change, what, accepted, ok } = row;
  const digits = what.includes('share') ? 3 : 0;
  const measured = row.measured.toFixed(digits);
  const ideal = row.ideal?.toFixed(digits) ?? '–';
  check(null, { [`${change}: ${what} ${accepted}`]: () => ok });
  console.log(`${change}: ${what}: ${measured}, ideal ${ideal}, accepted ${accepted}`);
  await ask('/row', JSON.stringify({ change, what, measured, ideal, accepted, ok }));
}

/**
 * A row for a share that may differ from its ideal by so much.
 * @param {string} change
 * @param {string} what
 * @param {number} measured
 * @param {number} ideal
 * @param {number} tolerance
 */
export function tellShare(change, what, measured, ideal, tolerance) {
  return tell({ change, what, measured, ideal, accepted: `± ${tolerance.toFixed(2)}`, ok: Math.abs(measured - ideal) <= tolerance });
}

/** How many connections to its echo server each backend has. */
export async function onServers() {
  const counts = [];
  for (const remote of lab.servers) {
    counts.push((await sockets({ remote, port: echoPort })).established);
  }
  return counts;
}

/** How many connections to their echo servers all backends have together. A server that is down has none. */
export async function established() {
  let [count, up] = [0, 0];
  for (const remote of lab.servers) {
    const answer = await http.asyncRequest('GET', `${remote}/sockets?port=${echoPort}`, null, { responseCallback: /** @type {any} */ (null), timeout: '5s' });
    if (answer.status === 200) {
      count += Number(answer.json('established'));
      up++;
    }
  }
  if (up === 0) {
    throw new Error(`no backend tells its connections: ${lab.servers[0]}/sockets is not answered; start each with mconnect-server -http :5004`);
  }
  return count;
}

/**
 * The sockets of all backends, which must soon have no more connections than these.
 *
 * @param {number[]} most
 */
export async function closedOnServers(most) {
  for (const [i, remote] of lab.servers.entries()) {
    await sockets({ remote, port: echoPort, expect: { established: most[i], close_wait: 0, within: '3s' } });
  }
}

/** @param {number} ms without stopping what else the script does */
export function pause(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

/** @param {string} path @param {string} [body] */
async function ask(path, body) {
  const answer = await http.asyncRequest('POST', lab.control + path, body);
  if (answer.status >= 300) {
    throw new Error(`lab: ${path}: ${answer.status} ${answer.body}`);
  }
  return `${answer.body}`;
}
