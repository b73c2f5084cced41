// Runs __ENV.BODY, the body of an async function, in each iteration, and writes down what it tells, report() and the metrics.
//
// The body knows mconnect, args, tell(name, value), until(condition) and wait(milliseconds).
//
// Environment: BODY; ARGS and SCRIPT, k6's options, in JSON; OUT, the file for report and metrics.
import mconnect from 'k6/x/mconnect';

export const options = Object.assign({ summaryTrendStats: ['count', 'min', 'med', 'avg', 'max'] }, JSON.parse(__ENV.SCRIPT));

const args = JSON.parse(__ENV.ARGS);
const body = new Function('mconnect', 'args', 'tell', 'until', 'wait', `
  const { hold, capacity, traffic, sockets, preflight, flood, listen, report } = mconnect;
  return (async () => { ${__ENV.BODY} })();
`);

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function tell(name, value) {
  console.log(`told ${name} ${JSON.stringify(value === undefined ? null : value)}`);
}

// until waits for a condition, for a minute at most.
async function until(condition) {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 1200) {
      throw new Error(`in vain: ${condition}`);
    }
    await wait(50);
  }
}

export default async function () {
  await body(mconnect, args, tell, until, wait);
}

export function handleSummary(data) {
  return { [__ENV.OUT]: JSON.stringify({ report: mconnect.report(), metrics: data.metrics }) };
}
