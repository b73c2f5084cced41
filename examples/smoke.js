// The shortest proof that the extension works: one connect to a responder inside k6, one answer.
import { check } from 'k6';
import { flood, listen, summary } from 'k6/x/mconnect';

export const options = {
  thresholds: { checks: ['rate==1'] },
};

export default async function () {
  const responder = listen({ hostname: 'smoke' });
  const result = await flood(responder.address);
  responder.close();
  check(result, {
    'the responder answered': (r) => r.hosts.smoke === 1,
    'every connection is accounted for': (r) => r.states.completed === r.connects,
  });
}

export const handleSummary = summary({ html: __ENV.HTML, json: __ENV.JSON, junit: __ENV.JUNIT });
