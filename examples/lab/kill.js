// Servers crash, and start again a second later; the load balancer is not told. When is everything up again?
// Run by the lab: make lab LAB='-scenario kill'
import { backend, change, pause, script, tell, thresholds } from './lab.js';
import { connections, rate, thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic } };

// Redials wait for up to a second, and an echo for its connection's turn to send; the rest is for the machine.
const patience = 1500 + Math.round((1000 * connections) / rate);
export { handleSummary } from './lab.js';

export default script(async () => {
  // Of one, clients can be better off before it is back: their new connections may go elsewhere.
  const one = await outage();
  await tell({
    change: `${backend} crashes for a second`, what: 'recovered, ms after the crash', measured: one.recovered,
    accepted: `<= ${one.down + patience}`, ok: one.recovered > 0 && one.recovered <= one.down + patience,
  });
  // Without any, nobody can.
  const all = await outage('all');
  const late = all.recovered - all.down;
  await tell({
    change: 'all crash for a second', what: 'recovered, ms after the restart', measured: late, ideal: 0,
    accepted: `<= ${patience}`, ok: late >= -100 && late <= patience, // servers listen a little before the lab says so
  });
});

/** @param {number | 'all'} [which] */
async function outage(which) {
  let [killed, restarted] = [0, 0];
  const result = await underLoad({
    seconds: 6,
    change: async () => {
      killed = Date.now();
      await change('kill', which);
      await pause(1000);
      await change('restart', which);
      restarted = Date.now();
    },
  });
  const crash = killed - Date.parse(result.start_time);
  return { down: restarted - killed, recovered: (result.recovered ?? Infinity) - crash };
}
