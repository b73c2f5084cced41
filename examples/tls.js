// TLS: connects, shakes hands, reads the host name. k6's TLS options apply; connect times include the handshake.
//
//   ./k6 run examples/tls.js
//   ./k6 run -e TARGET=web.example:5001 -e SERVER_NAME=web.example examples/tls.js
//
// MAX_MS (the 95th percentile of the connect time, 500) may be set too.
import { flood, listen, summary } from 'k6/x/mconnect';

export const options = {
  insecureSkipTLSVerify: !__ENV.TARGET, // the demonstration's certificate is self-signed
  thresholds: {
    mconnect_verdict_failed: ['rate==0'],
    mconnect_verdicts: ['count>0'], // a rate of nothing is no failure
    mconnect_connect_duration: [`p(95)<${__ENV.MAX_MS || 500}`],
  },
};

export function setup() {
  if (!__ENV.TARGET) console.warn('no TARGET: a demonstration against responders inside k6');
  return __ENV.TARGET || listen({ hostname: 'tls-demo', network: 'tls' }).address;
}

/** @param {string} target */
export default async function (target) {
  await flood(target, {
    network: 'tls',
    connections: Number(__ENV.CONNECTIONS || 200),
    concurrency: 16,
    serverName: __ENV.SERVER_NAME || undefined,
  });
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
