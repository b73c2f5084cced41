// Holds connections to one server in two lots. After each it waits at the gate until the bench has weighed this process.
import { flood, hold } from 'k6/x/mconnect';

const { target, gate, few, many } = JSON.parse(__ENV.HOLD);

export const options = { thresholds: { mconnect_connect_failed: ['rate==0'] } };

export default async function () {
  await hold(target, { connections: few });
  await pass();
  await hold(target, { connections: many });
  await pass();
}

async function pass() {
  const { hosts } = await flood(gate, { connectTimeout: '1m', timeout: '1m' });
  if (!hosts.pass) {
    throw new Error('the gate is closed');
  }
}
