// Traffic to an echo server that goes away for a while and comes back, and what report() makes of it. OUT is a directory.
import { listen, report, traffic } from 'k6/x/mconnect';

export default async function () {
  const lasting = listen({ hostname: 'web-1', echo: true });
  const failing = listen({ hostname: '<b>web-2</b>', echo: true });
  setTimeout(() => {
    failing.close();
    listen({ hostname: 'web-3', echo: true, address: failing.address });
  }, 1500);
  await traffic([lasting.address, failing.address], { connections: 10, rate: 200, duration: '4s' });
}

export function handleSummary() {
  return {
    [`${__ENV.OUT}/report.html`]: report({ format: 'html', title: 'A & B' }),
    [`${__ENV.OUT}/report.json`]: JSON.stringify(report()),
  };
}
