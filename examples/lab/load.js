// Traffic through the load balancer, while something is done to it.
import { traffic } from 'k6/x/mconnect';
import { lab, pause, settle } from './lab.js';

const packetSize = 1024;
// What an unhurried machine needs a fraction of: an echo as late as this is lost for good.
const lossTimeout = '5s';

/**
 * Traffic for so many seconds, with a change after one and a half. If that takes too long to be seen, since the machine is
 * busy, it is undone, and all of it done again.
 *
 * @param {{seconds: number, change?: () => Promise<void>, undo?: () => Promise<void>, options?: import('k6/x/mconnect').TrafficOptions}} what
 */
export async function underLoad({ seconds, change = nothing, undo = nothing, options = {} }) {
  for (let tries = 1; tries <= 3; tries++) {
    const start = Date.now();
    const [result, changed] = await Promise.all([
      traffic(lab.echo, {
        connections: Number(__ENV.CONNECTIONS || 400),
        rate: Number(__ENV.RATE || 4000), // KB/s of all connections together
        duration: `${seconds}s`,
        packetSize, lossTimeout, source: lab.source,
        ...options,
      }),
      pause(1500).then(change).then(() => Date.now() - start),
    ]);
    if (changed < (seconds - 1) * 1000) {
      return result;
    }
    await undo();
    await settle();
  }
  throw new Error(`changes are not done within ${seconds - 1} s: this machine is too busy`);
}

async function nothing() {}

/** Traffic there was, and none of it is unaccounted for. */
export const thresholds = { mconnect_packets_received: ['count>0'] };
