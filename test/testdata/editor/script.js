import { flood } from 'k6/x/mconnect';
export const options = { thresholds: { mconnect_verdict_failed: ['rate==0'], mconnect_verdicts: ['count>0'] } };
export default async function () {
  const { ok, hosts } = await flood('10.0.0.2:5001', { connections: 20000, expect: { hosts: ['web-1'] } });
  console.log(ok, hosts['web-1']);
}
