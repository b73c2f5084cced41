// A backend is taken out and put back soon after, as by a controller that starts anew: do its connections last?
// Run by the lab: make lab LAB='-vm -fault forgotten'
import { traffic } from 'k6/x/mconnect';
import { breakIt, change, client, established, lab, pause, script, verdicts } from './lab.js';
import { inUse } from './load.js';

export const options = { thresholds: verdicts };
export { handleSummary } from './lab.js';

export default script(async () => {
  const load = { connections: 100, rate: 500, duration: '5s', lossTimeout: '4s', ...client };
  const before = await established();
  const echoes = traffic(lab.echo, load);
  await inUse(before, load, Date.now() + 5000);
  await breakIt();
  await change('drain', 1);
  await pause(500); // for each of its connections to have a packet then
  await change('add', 1);
  await echoes;
});
