// Two thresholds on verdicts, of which one does not exist.
import { flood, listen, summary } from 'k6/x/mconnect';

export const options = {
  thresholds: { 'mconnect_verdict_failed{verdict:keppt}': ['rate==0'], 'mconnect_verdict_failed{verdict:kept}': ['rate==0'] },
};

export default async function () {
  await flood(listen({ hostname: 'web-1' }).address);
}

export const handleSummary = summary({ replace: true });
