// Steady traffic over connections that are kept up, and a verdict on what breaks when backends come and go.
//
//   ./k6 run examples/traffic.js                                       against an echo server inside k6
//   ./k6 run -e TARGET=10.0.0.1:5003 -e DURATION=60s examples/traffic.js
//   ./k6 run -e TARGET=10.0.0.1:5003 -e NETWORK=udp examples/traffic.js
//
// TARGET is a server that echoes: `mconnect-server -echo :5003`, or ctraffic's. CONNECTIONS (100), RATE in KB/s of all connections
// together (1000; 0 is as fast as the echoes come), PACKET_SIZE (1024), DURATION (5s) and SOURCE may be set too.
import { listen, traffic } from 'k6/x/mconnect';

export const options = {
  thresholds: {
    // A Rate or Trend without samples passes, so make sure that there was traffic at all.
    mconnect_packets_received: ['count>0'],
    mconnect_connections_lost: ['count==0'],
    mconnect_connect_failed: ['rate==0'],
    mconnect_round_trip: ['p(99)<100'],
  },
  summaryTrendStats: ['min', 'avg', 'med', 'p(90)', 'p(99)', 'max'],
};

export default async function () {
  const server = __ENV.TARGET ? null : listen({ address: '127.0.0.1:0', echo: true });
  const result = await traffic(__ENV.TARGET || (server ? server.address : ''), {
    network: /** @type {'tcp' | 'udp'} */ (__ENV.NETWORK || 'tcp'),
    connections: Number(__ENV.CONNECTIONS || 100),
    rate: Number(__ENV.RATE || 1000),
    packetSize: Number(__ENV.PACKET_SIZE || 1024),
    duration: __ENV.DURATION || '5s',
    source: __ENV.SOURCE || undefined,
  });
  if (server) server.close();

  console.log(`${result.lasting} of ${result.connections} connections lasted, ${result.lost} were lost, ${result.reconnects} made again`);
  console.log(`${result.sent} packets sent, ${result.received} came back, ${result.dropped} dropped as an echo was late, ${result.retransmits} segments sent again`);
  for (const [host, lost] of Object.entries(result.lost_by_host)) {
    console.log(`  ${host} lost ${lost}`);
  }
  if (result.first_loss !== null) {
    const recovered = result.recovered === null ? 'and not all were up again by the end' : `all were up again at ${result.recovered.toFixed(0)} ms`;
    console.log(`  the first loss was at ${result.first_loss.toFixed(0)} ms, ${recovered}`);
  }
}
