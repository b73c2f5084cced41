// A backend is drained, and comes back: do the load balancers deal out what is due then, to those who are due it?
// Run by the lab: make lab LAB='-fault idle-backend,old-table'
import { disruption, flood } from 'k6/x/mconnect';
import { backend, breakIt, change, client, lab, script, verdicts } from './lab.js';

export const options = { thresholds: verdicts };
export { handleSummary } from './lab.js';

const others = lab.backends.filter((name) => name !== backend);
const model = lab.flows || 'stateful';

export default script(async () => {
  const all = await answers(lab.backends);
  await breakIt();
  await change('drain');
  const fewer = await answers(others);
  await change('add');
  const again = await answers(lab.backends);
  disruption(all, fewer, { model, backends: lab.backends, removed: backend });
  disruption(fewer, again, { model, backends: lab.backends, added: backend });
});

/** @param {string[]} hosts that are in use */
function answers(hosts) {
  return flood(lab.responder, { connections: 1000, ...client, sourcePorts: '20000-20009', close: 'rst', flows: true, expect: { hosts } });
}
