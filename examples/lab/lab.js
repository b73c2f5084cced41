// What the scripts of the lab share: what they are told about it, its operations, and rows of its table.
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

/**
 * What the lab tells its scripts. `live` is the model for established connections with traffic, `flows` that for
 * connections that are made again from the same addresses and ports, if there is one.
 *
 * @typedef {import('k6/x/mconnect').DisruptionModel} Model
 * @typedef {'remove' | 'drain' | 'add' | 'kill' | 'restart'} Operation
 * @type {{control: string, balancer: string, live: Model, flows: Model | '', udp: boolean, backends: string[], responder: string, echo: string, source: string}}
 */
export const lab = JSON.parse(__ENV.LAB);

/** The backend that the scenario is about, 1 to the number of backends, and its name. */
export const number = Number(__ENV.BACKEND || 1);
export const backend = lab.backends[number - 1];

/** Every scenario has at least one check, and none fails. */
export const thresholds = { checks: ['rate==1'], http_req_failed: ['rate==0'] };

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
 * @param {Operation} operation
 * @param {number | 'all'} [which]
 */
export function change(operation, which = number) {
  return ask(`/${operation}?backend=${which}`);
}

/** @param {number} percent of the packets that the load balancer loses */
export function drop(percent) {
  return ask(`/drop?percent=${percent}`);
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
      return operation === 'remove' ? 1 / n : 0;
  }
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
  return tell({ change, what, measured, ideal, accepted: `± ${tolerance}`, ok: Math.abs(measured - ideal) <= tolerance });
}

/** @param {number} ms without stopping what else the script does */
export function pause(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

/** @param {string} path @param {string} [body] */
async function ask(path, body) {
  const answer = await http.asyncRequest('POST', lab.control + path, body);
  if (answer.status !== 204) {
    throw new Error(`lab: ${path}: ${answer.status} ${answer.body}`);
  }
}
