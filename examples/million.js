/*
 * One k6 process opens a million connections to four servers, holds them, pings one of the servers meanwhile, and closes them. Neither side has a
 * socket for any of them: k6 makes them with the packet driver, mconnect-server -packets answers from the packets alone.
 *
 *   make build && sudo examples/million.sh
 *
 * makes networks of their own for both sides, and runs this script in one of them. See docs/packets.md.
 */
import { sleep } from 'k6';
import { hold, preflight, tcpPing } from 'k6/x/mconnect';

const connections = Number(__ENV.CONNECTIONS || 1e6);
const targets = ['10.98.0.11:5001', '10.98.0.12:5001', '10.98.0.13:5001', '10.98.0.14:5001'];

export const options = {
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'],
    mconnect_established_max: [`value>=${connections}`],
  },
};

export default async function () {
  if (!__ENV.WIRED) {
    throw new Error('run examples/million.sh, which makes the networks for this script: else its packets would leave this machine');
  }
  const lacking = preflight({ driver: 'packets', connections, source: '10.99.0.0/16', targets: targets.length }).checks.filter((c) => !c.ok);
  if (lacking.length > 0) {
    throw new Error(`this machine lacks ${lacking.map((c) => `${c.name}: ${c.fix}`).join('; ')}`);
  }
  const held = await hold(targets, { driver: 'packets', source: '10.99.0.0/16', connections, concurrency: 512 });
  const opened = held.result();
  console.log(`${opened.established_max} connections opened in ${(opened.duration / 1000).toFixed(1)} s; p(99) of the connects ${opened.connect_time['p(99)'].toFixed(1)} ms`);
  for (let i = 0; i < 5; i++) {
    const ping = await tcpPing(targets[0]);
    console.log(`connect beside them: ${ping.connect.toFixed(2)} ms`);
    sleep(1);
  }
  const result = await held.close();
  console.log(`${result.established_at_close} were still established at the end, ${result.states.completed} closed`);
}
