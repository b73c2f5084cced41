// A backend is restarted under traffic, as was announced: do the connections of the others last, and does every byte come back?
// Run by the lab: make lab LAB='-fault half-open,corrupted,needless-flush'
import { traffic } from 'k6/x/mconnect';
import { breakIt, change, client, established, lab, pause, script, verdicts } from './lab.js';
import { inUse } from './load.js';

export const options = { thresholds: verdicts };
export { handleSummary } from './lab.js';

export default script(async () => {
  const load = { connections: 100, rate: 1000, duration: '7s', lossTimeout: '2s', verify: true, ...client };
  const before = await established();
  const echoes = traffic(lab.echo, load);
  await inUse(before, load, Date.now() + 7000);
  await change('remove');
  await pause(500); // for connections to be dialed again, and to have told their host
  await breakIt();
  await change('add');
  await echoes;
});
