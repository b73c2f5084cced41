// Connections are opened and closed, or reset: have the servers closed them, too?
// Run by the lab: make lab LAB='-scenario ends', LAB='-fault leak'
import { hold } from 'k6/x/mconnect';
import { breakIt, client, closedOnServers, lab, onServers, script, verdicts } from './lab.js';

export const options = { thresholds: verdicts };
export { handleSummary } from './lab.js';

export default script(async () => {
  const before = await onServers();
  await breakIt();
  for (const close of /** @type {const} */ (['fin', 'rst'])) {
    const held = await hold(lab.echo, { connections: 200, ...client, close });
    await held.close();
    await closedOnServers(before);
  }
});
