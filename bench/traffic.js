// What `make bench` runs in k6: traffic without a pace, with all metrics.
import { report, traffic } from 'k6/x/mconnect';

const { target, connections, packet_size, seconds } = JSON.parse(__ENV.TASK);

export const options = { summaryTrendStats: ['count'] };

export default async function () {
  await traffic(target, { connections, packetSize: packet_size, duration: 1000 * seconds, lossTimeout: '5s', close: 'rst' });
}

export function handleSummary({ metrics }) {
  const [{ received, lost, duration }] = report().traffic;
  if (metrics.mconnect_packets_received.values.count !== received) {
    throw new Error(`metric mconnect_packets_received knows of ${metrics.mconnect_packets_received.values.count} packets instead of ${received}`);
  }
  return { [__ENV.RESULT]: JSON.stringify({ received, lost, per_second: (1e9 * received) / duration }) };
}
