// Four backends, of which the one at SLOW takes its time.
import { flood, listen, summary } from 'k6/x/mconnect';

export default async function () {
  const quick = ['web-1', 'web-2', 'web-3'].map((hostname) => listen({ hostname }).address);
  await flood([...quick, __ENV.SLOW], { connections: 4000, concurrency: 100 });
}

export const handleSummary = summary({ svg: __ENV.SVG, replace: true });
