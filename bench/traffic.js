// What `make bench` runs in k6: traffic without a pace, with all metrics.
import { report, traffic } from 'k6/x/mconnect';
import { Gauge } from 'k6/metrics';

const { target, connections, packet_size, seconds } = JSON.parse(__ENV.TASK);
const elapsed = new Gauge('elapsed'); // ms until the script goes on, with every sample out

export default async function () {
  const start = Date.now();
  await traffic(target, { connections, packetSize: packet_size, duration: 1000 * seconds, lossTimeout: '5s', close: 'rst' });
  elapsed.add(Date.now() - start);
}

export function handleSummary({ metrics }) {
  const [{ received, lost }] = report().traffic;
  if (metrics.mconnect_packets_received.values.count !== received) {
    throw new Error(`metric mconnect_packets_received knows of ${metrics.mconnect_packets_received.values.count} packets instead of ${received}`);
  }
  return { [__ENV.RESULT]: JSON.stringify({ received, lost, per_second: (1000 * received) / metrics.elapsed.values.value }) };
}
