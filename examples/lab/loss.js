// The load balancer loses 5 % of all packets for a while: TCP sends them again, and no connection dies.
// Run by the lab: make lab LAB='-scenario loss'
import { drop, pause, script, tell, thresholds } from './lab.js';
import { connections, rate, thresholds as ofTraffic, underLoad } from './load.js';

export const options = { thresholds: { ...thresholds, ...ofTraffic, mconnect_retransmits: ['count>0'] } };
export { handleSummary } from './lab.js';

export default script(async () => {
  const result = await underLoad({
    seconds: 10,
    change: async () => {
      await drop(5);
      await pause(4000);
      await drop(0);
    },
    options: { lossTimeout: '1m' }, // TCP waits twice as long after each try
  });
  const change = '5 % of packets lost';
  await tell({ change, what: 'connections lost', measured: result.lost, ideal: 0, accepted: '0', ok: result.lost === 0 });
  await tell({ change, what: 'retransmits', measured: result.retransmits, accepted: '> 0', ok: result.retransmits > 0 });
  // The client drops a packet while the last one of its connection is on its way. TCP takes 200 ms at least to repair a loss, so fewer than five packets a second may all be sent.
  const drops = rate >= 5 * connections;
  await tell({ change, what: 'packets dropped by the client', measured: result.dropped, accepted: drops ? '> 0' : 'any', ok: !drops || result.dropped > 0 });
});
