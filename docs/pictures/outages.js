// Traffic to backends that fail and come back: the pictures of outages. OUTAGES is a JSON list of {after, name, down, change}: how long after the
// start (in ms) which backend stops, for how long, and the text of the announcement, if there is one. BACKENDS, CONNECTIONS and DURATION as usual.
import { change, listen, summary, traffic } from 'k6/x/mconnect';

/** @type {{after: number, name: string, down: number, change?: string}[]} */
const outages = JSON.parse(__ENV.OUTAGES);
const backends = __ENV.BACKENDS.split(',');

export default async function () {
  const servers = Object.fromEntries(backends.map((hostname) => [hostname, listen({ hostname, echo: true })]));
  const targets = backends.map((name) => servers[name].address);
  /** @param {typeof outages[0]} outage */
  async function play(outage) {
    await sleep(outage.after);
    if (outage.change) {
      change(outage.change, { hosts: outage.name, within: '4s' });
    }
    await servers[outage.name].close();
    await sleep(outage.down);
    servers[outage.name] = listen({ hostname: outage.name, echo: true, address: targets[backends.indexOf(outage.name)] });
  }
  await Promise.all([traffic(targets, { connections: Number(__ENV.CONNECTIONS), rate: 500, duration: __ENV.DURATION }), ...outages.map(play)]);
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export const handleSummary = summary({ svg: __ENV.SVG, replace: true });
