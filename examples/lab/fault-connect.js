// Connects from the same addresses and ports, twice: who answers, and is every connect answered at once?
// Run by the lab: make lab LAB='-fault dead-backend,stall,affinity-lost,port-reuse'
import { flood } from 'k6/x/mconnect';
import { breakIt, client, lab, script, verdicts } from './lab.js';

export const options = { thresholds: verdicts };
export { handleSummary } from './lab.js';

export default script(async () => {
  await breakIt();
  for (let round = 0; round < 2; round++) {
    await flood(lab.responder, {
      connections: 1000, ...client, sourcePorts: '20000-20009', close: 'rst', connectTimeout: '2s',
      expect: { hosts: lab.backends, affinity: lab.affinity },
    });
  }
});
