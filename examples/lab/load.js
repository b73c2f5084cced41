// Traffic through the load balancer, while something is done to it.
import { traffic } from 'k6/x/mconnect';
import { lab, pause } from './lab.js';

const packetSize = 1024;
// What an unhurried machine needs a fraction of: an echo as late as this is lost for good.
const lossTimeout = '5s';

/**
 * Traffic for so long, with a change after a second and a half.
 *
 * @param {number} seconds
 * @param {() => Promise<void>} [change]
 * @param {import('k6/x/mconnect').TrafficOptions} [more]
 */
export async function underLoad(seconds, change = async () => {}, more = {}) {
  const start = Date.now();
  let changed = 0;
  const [result] = await Promise.all([
    traffic(lab.echo, {
      connections: Number(__ENV.CONNECTIONS || 400),
      rate: Number(__ENV.RATE || 4000), // KB/s of all connections together
      duration: `${seconds}s`,
      packetSize, lossTimeout, source: lab.source,
      ...more,
    }),
    pause(1500).then(change).then(() => { changed = Date.now() - start; }),
  ]);
  if (changed > (seconds - 1) * 1000) {
    throw new Error(`the change was done ${changed} ms after the start, too late to be seen in ${seconds} s: this machine is too busy`);
  }
  return result;
}

/** Traffic there was, and none of it is unaccounted for. */
export const thresholds = { mconnect_packets_received: ['count>0'] };
