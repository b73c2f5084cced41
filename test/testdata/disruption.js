// Calls disruption() where nothing is measured: at init, in the function with a flood from setup(), and in handleSummary().
//
// Environment, in JSON: FIXED, options of floods of fixed flows. OUT is the file for report and metrics.
import { disruption, flood, listen, report } from 'k6/x/mconnect';

const fixed = JSON.parse(__ENV.FIXED);
const recorded = {
  version: 1, protocol: 'tcp', targets: ['10.0.0.1:1'], source: '10.0.0.0/24', ports: '1-2', start: '0', random: false, seed: '0',
};
const before = { flows: { ...recorded, hosts: ['a', 'b'], answers: 'AQIB' } }; // a, b, a
const after = { flows: { ...recorded, hosts: ['a'], answers: 'AQEB' } }; // a, a, a
const atInit = disruption(before, after, { model: 'maglev' });

export async function setup() {
  const responder = listen({ hostname: 'web-1' });
  return { target: responder.address, before: await flood(responder.address, fixed) };
}

export default async function (data) {
  const now = await flood(data.target, fixed);
  console.log('told init ' + JSON.stringify(atInit));
  console.log('told setup ' + JSON.stringify(disruption(data.before, now, { model: 'stateful' })));
}

export function handleSummary(data) {
  disruption(before, after, { model: 'maglev', removed: 'b' });
  return { [__ENV.OUT]: JSON.stringify({ report: report(), metrics: data.metrics }) };
}
