// Pings as a test asks it to, one ping after the other in each iteration, and writes down what comes of it.
//
// Environment, JSON: CALLS, a list of {tcp, target, options}; SCRIPT, k6's options.
import { format, ping, tcpPing } from 'k6/x/mconnect';

export const options = JSON.parse(__ENV.SCRIPT);

const calls = JSON.parse(__ENV.CALLS);

export default async function () {
  for (const call of calls) {
    console.log('calling');
    const result = await (call.tcp ? tcpPing : ping)(call.target, call.options);
    console.log('result ' + JSON.stringify(Object.assign({ line: call.tcp ? '' : format(result) }, result)));
  }
}
