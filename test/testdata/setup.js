// Floods a target without end, before any VU starts.
import { flood } from 'k6/x/mconnect';

export async function setup() {
  await flood(__ENV.TARGET, { connections: 5000, concurrency: 64, connectTimeout: '10m', timeout: '10m', monitor: '50ms' });
}

export default function () {}
