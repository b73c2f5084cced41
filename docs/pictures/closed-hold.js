// A hold that the service's idle timeout ends, and pings of the service beside it.
import { hold, listen, ping, summary } from 'k6/x/mconnect';

export default async function () {
  const service = listen({ hostname: 'web-1', idleTimeout: '2s', http: '127.0.0.1:0' });
  const held = await hold(service.address, { connections: 1000 });
  for (let i = 0; i < 8; i++) {
    await ping(`${service.http}/v1/ping`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await held.close();
}

export const handleSummary = summary({ svg: __ENV.SVG, replace: true });
