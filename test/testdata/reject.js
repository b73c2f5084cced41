// Runs the snippets in __ENV.SNIPPETS, a list in JSON, each the body of an async function, and logs what each throws.
import mconnect, { flood } from 'k6/x/mconnect';

export default async function () {
  if (mconnect.flood !== flood) {
    throw new Error('the default export has another flood()');
  }
  for (const snippet of JSON.parse(__ENV.SNIPPETS)) {
    const body = new Function('mconnect', `const { flood, listen } = mconnect; return (async () => { ${snippet} })();`);
    let outcome = { thrown: false };
    try {
      await body(mconnect);
    } catch (error) {
      outcome = { thrown: true, isTypeError: error instanceof TypeError, message: error.message };
    }
    console.log('outcome ' + JSON.stringify(outcome));
  }
}
