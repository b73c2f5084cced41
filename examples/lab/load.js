// Traffic through the load balancer, while something is done to it.
import { traffic } from 'k6/x/mconnect';
import { client, established, lab, pause, tooBusy } from './lab.js';

/** How many connections have traffic. */
export const connections = Number(__ENV.CONNECTIONS || 400);
/** Their traffic in KB/s, all together: at least one packet a second on each. */
export const rate = Number(__ENV.RATE || 4000);
const packetSize = 1024;
// What an unhurried machine needs a fraction of: an echo or a SYN-ACK as late as this is lost for good. A connection whose echo stays away when the change is made
// is to be up again before the traffic ends.
const lossTimeout = 3; // seconds
const connectTimeout = '5s';

/**
 * Traffic for so many seconds, with a change when each connection has sent something. If the machine is so busy that the change is done too late to be seen, the lab
 * runs the script again, with more time.
 *
 * @param {{seconds: number, change?: () => Promise<void>, options?: import('k6/x/mconnect').TrafficOptions}} what
 */
export async function underLoad({ seconds, change = nothing, options = {} }) {
  const patience = Number(__ENV.PATIENCE || 1);
  const time = seconds * patience;
  const all = { duration: `${time}s`, connections, rate, packetSize, lossTimeout: `${lossTimeout * patience}s`, connectTimeout, ...client, ...options };
  const before = await established();
  const start = Date.now();
  const [result, changed] = await Promise.all([
    traffic(lab.echo, all),
    inUse(before, all, start + time * 1000).then(change).then(() => Date.now() - start),
  ]);
  if (changed >= (time - 1) * 1000) {
    await tooBusy(`changes are done ${changed} ms after the start, and traffic lasts for ${time} s`);
  }
  return result;
}

/**
 * Waits until connections, besides those that servers had before, are established, and each has had its turn to send.
 *
 * @param {number} before
 * @param {{network?: string, connections: number, rate: number}} traffic
 * @param {number} end of the traffic, when waiting ends too
 */
export async function inUse(before, { network = 'tcp', connections, rate }, end) {
  await pause(500);
  while (network === 'tcp' && await established() < before + connections && Date.now() < end) {
    await pause(100);
  }
  await pause(500 + (1000 * connections) / rate);
}

async function nothing() {}

/** Traffic there was, and none of it is unaccounted for. */
export const thresholds = { mconnect_packets_received: ['count>0'] };
