// The app's tokens: who is asked, what goes with a request, and that nobody else ever sees one.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle } from './stage.mjs';

const CANARY = 'canary-5f3a9c01.token';

/** A client whose provider gives what `answers` holds, one after the other, and keeps how it was asked. */
async function asked(answers, options = {}) {
  const questions = [];
  const auth = (question) => {
    questions.push(question);
    const answer = answers.shift();
    return typeof answer === 'function' ? answer() : answer;
  };
  const app = await opened({ transport: { url: 'http://server/' }, ...options, auth });
  const want = async (reason) => {
    app.engine.tell({ notice: 'tokenWanted', reason });
    await settle();
    return app.engine.calls.filter(([call]) => call === 'token').map(([, answer]) => answer);
  };
  return { ...app, questions, want };
}

/** The authorization that a request would carry. */
const carried = async ({ engine }) => new Headers(await engine.host.headers()).get('authorization');

test('the provider is asked why, and its token goes with each request', async () => {
  const app = await asked([CANARY, Promise.resolve({ token: 'second', expiresAt: 1_700_000_000_000.5 }), null], {
    transport: { url: 'http://server/', headers: { 'x-app': '1', authorization: 'of the app' } },
  });
  assert.deepEqual(app.engine.options.config.auth, true);
  assert.equal(await carried(app), 'of the app');
  assert.deepEqual(await app.want('initial'), ['token']);
  assert.equal(await carried(app), `Bearer ${CANARY}`);
  assert.equal((await app.engine.host.headers()).get('x-app'), '1');
  assert.deepEqual(await app.want('expired'), ['token', '1700000000000']);
  assert.equal(await carried(app), 'Bearer second');
  assert.deepEqual(await app.want('unauthorized'), ['token', '1700000000000', 'none']);
  assert.equal(await carried(app), 'of the app');
  assert.deepEqual(app.questions.map(({ reason }) => reason), ['initial', 'expired', 'unauthorized']);
});

test('functions get the token in their context', async () => {
  const seen = [];
  const app = await asked([CANARY], {
    transport: { push: async (entries, { auth }) => (seen.push(auth), []), pull: async (cursor, { auth, feed }) => (seen.push(auth, feed), {}) },
  });
  await app.engine.host.push('[]', {});
  await app.want('initial');
  await app.engine.host.push('[]', {});
  await app.engine.host.pull({ feed: 'main' });
  await app.engine.host.ping({});
  assert.deepEqual(seen, [null, CANARY, CANARY, 'main', CANARY, 'main']);
});

test('h4: a provider that throws, or gives what is no token, has none', async () => {
  const none = [() => { throw new Error(CANARY); }, () => Promise.reject(CANARY), undefined, '', 7, {}, { token: 7 }, 'two words', 'line\nfeed', 'ü'];
  const app = await asked([...none, { token: CANARY, expiresAt: NaN }]);
  for (const index of none.keys()) assert.equal((await app.want('initial')).length, index + 1);
  assert.deepEqual(await app.want('initial'), [...none.map(() => 'none'), 'token']);
});

test('h4: what is not waited for is aborted, and what it gives later is no token', async () => {
  let give;
  const app = await asked([() => new Promise((resolve) => (give = resolve)), CANARY]);
  assert.deepEqual(await app.want('initial'), []);
  app.engine.tell({ notice: 'tokenGivenUp' });
  await settle();
  assert.equal(app.questions[0].signal.aborted, true);
  give('late');
  await settle();
  assert.equal(await carried(app), null);
  assert.deepEqual(await app.want('initial'), ['token']);
  const [, { signal }] = app.questions;
  assert.equal(signal.aborted, false);
});

test('closing ends the question', async () => {
  const app = await asked([() => new Promise(() => {})]);
  await app.want('initial');
  await app.client.close();
  assert.equal(app.questions[0].signal.aborted, true);
});

test('i21: a canary is in no error, no option, no notice', async () => {
  const fail = () => { throw new TypeError(`no good: ${CANARY}`); };
  const url = await asked([CANARY], { transport: { url: 'http://server/', headers: async () => fail(), fetch: fail } });
  const functions = await asked([CANARY], { transport: { push: fail, pull: async () => fail(), ping: fail } });
  for (const app of [url, functions]) {
    await app.want('initial');
    const { host, options, calls } = app.engine;
    for (const call of ['headers', 'fetch', 'push', 'pull', 'ping']) {
      const thrown = await host[call]?.('[]', {}).catch((error) => error);
      if (thrown !== undefined) assert.match(String(thrown), /no good: …$/, call);
    }
    assert.ok(!JSON.stringify([options, calls, app.client.status.current]).includes(CANARY));
  }
});
