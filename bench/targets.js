// What `make bench` runs in k6: one connection to each of very many targets.
import { flood, report } from 'k6/x/mconnect';

const { count, port } = JSON.parse(__ENV.TASK);
const targets = Array.from({ length: count }, (_, i) => `127.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}:${port}`);

export default async function () {
  await flood(targets, { connections: count });
}

export function handleSummary() {
  const { states, first_errors } = report();
  return { [__ENV.RESULT]: JSON.stringify({ completed: states.completed, first_errors }) };
}
