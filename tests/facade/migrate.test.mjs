// What an earlier version of the app has stored, as the facade has the app migrate it; and a store of a later version.

import { test } from 'node:test';
import assert from 'node:assert/strict';

import { opened, settle } from './stage.mjs';

/** What would be told of in the console. */
function reported() {
  const errors = [];
  const { reportError } = globalThis;
  globalThis.reportError = (error) => errors.push(error);
  return { errors, end: () => void (globalThis.reportError = reportError) };
}

test('p10: the app is asked for each document of an earlier version, with what it is and from which', async () => {
  const asked = [];
  const migrate = (value, from) => {
    asked.push([value, from]);
    return from === 1 ? { name: value.title } : undefined;
  };
  const { engine } = await opened({ collections: { notes: { version: 2, migrate }, lists: { version: 1 } } });
  assert.equal(engine.host.migrate('notes', 1, '{"title":"one"}'), '{"name":"one"}');
  assert.equal(engine.host.migrate('notes', 0, '{"title":"one"}'), undefined);
  assert.deepEqual(asked, [[{ title: 'one' }, 1], [{ title: 'one' }, 0]]);
  assert.equal(engine.host.migrate('lists', 0, '[]'), undefined, 'of this collection nothing can be migrated');
  assert.equal(engine.host.migrate('others', 0, '[]'), undefined);
});

test('p10: what migrate throws, or what is no document, migrates nothing, and is told of', async () => {
  const answers = [() => { throw new TypeError('no title'); }, () => () => {}, async () => ({}), () => 7n];
  const { engine } = await opened({ collections: { notes: { version: 1, migrate: (value) => answers[value]() } } });
  const { errors, end } = reported();
  try {
    for (const at of answers.keys()) assert.equal(engine.host.migrate('notes', 0, `${at}`), undefined, `${at}`);
  } finally {
    end();
  }
  assert.deepEqual(errors.map(({ code, name }) => code ?? name), ['TypeError', 'INVALID_DOCUMENT', 'VALIDATION', 'INVALID_DOCUMENT']);
});

test('p10: a client cannot be called from migrate, which the module waits for', async () => {
  let client;
  const { engine, ...made } = await opened({ collections: { notes: { version: 1, migrate: () => client.hasPendingUpdates() } } });
  client = made.client;
  const { errors, end } = reported();
  try {
    assert.equal(engine.host.migrate('notes', 0, '{}'), undefined);
  } finally {
    end();
  }
  assert.deepEqual(errors.map(({ code }) => code), ['VALIDATION']);
  assert.equal(client.hasPendingUpdates(), false, 'behind it, it can');
});

test('c7: a client that meets the store of a later version ends, and says so', async () => {
  const { client, engine } = await opened();
  const write = client.documents('notes').put('a', {});
  const durable = assert.rejects(write.durable, { code: 'VERSION_TOO_NEW' });
  engine.tell({ notice: 'openFailed', error: { code: 'VERSION_TOO_NEW', message: 'a later version of the app made this store' } });
  await durable;
  await settle();
  assert.equal(client.status.current.phase, 'dead');
  assert.equal(client.status.current.error.code, 'VERSION_TOO_NEW');
  assert.throws(() => client.documents('notes').put('b', {}), { code: 'VERSION_TOO_NEW' });
  const { ending, error } = await write.settled;
  assert.deepEqual([ending, error.code], ['unknown', 'VERSION_TOO_NEW']);
  await client.close();
});
