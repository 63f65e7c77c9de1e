// The inbox, against a stand-in that follows the module's contract.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { opened, root, settle } from './stage.mjs';

const { notices } = JSON.parse(readFileSync(join(root, 'tests/vectors/notices.json'), 'utf8'));
const [one, group] = notices.filter(({ notice }) => notice.notice === 'inboxAdded').map(({ notice }) => notice);

test('an item says why, and what its documents were and would be', async () => {
  const { client, engine, SyncError } = await opened();
  assert.deepEqual(client.inbox.current, []);
  const heard = [];
  let completed = false;
  client.inbox.subscribe({ next: (items) => heard.push(items.length), complete: () => (completed = true) });
  engine.tell(one, group);
  const [first, second] = client.inbox.current;
  assert.equal(client.inbox.getSnapshot(), client.inbox.current);
  const { error, documents, ...rest } = first;
  assert.ok(error instanceof SyncError && error.status === 422);
  const sides = { collection: 'notes', key: 'a/ü', base: null, local: [9007199254740992], server: JSON.parse('{"__proto__":1}') };
  assert.deepEqual(rest, { id: one.item.entry, ending: 'rejected', fields: { title: 'too long' }, at: 1700000000000, ...sides });
  assert.deepEqual(documents, [sides]);
  assert.ok(Object.isFrozen(first) && Object.isFrozen(first.local) && Object.isFrozen(documents[0]));
  assert.deepEqual([second.ending, second.key, second.fields, second.documents.map(({ key, base, local }) => [key, base, local])], ['blockedBy', 'b', null, [['b', 2, null], ['c', null, 1]]]);
  engine.tell({ notice: 'inboxRemoved', entry: one.item.entry });
  assert.deepEqual(client.inbox.current, [second]);
  assert.equal(client.inbox.current[0], second);
  assert.deepEqual(heard, [0, 1, 2, 1]);
  await client.close();
  assert.equal(completed, true);
});

test('an item is made anew, or given up, and that is answered when it is stored', async () => {
  const { client, engine } = await opened();
  engine.tell(one);
  const { retry, discard } = client.inbox;
  const id = one.item.entry;
  const calls = [retry(id), retry(id, { n: 1 }), discard(id)];
  await settle();
  assert.deepEqual(engine.calls.slice(-3), [['retry', id], ['retry', id, '{"n":1}'], ['discard', id]]);
  engine.answer(1);
  engine.answer(2, { code: 'QUEUE_FULL', message: 'full' });
  engine.answer(3);
  assert.equal(await calls[0], undefined);
  await assert.rejects(calls[1], { code: 'QUEUE_FULL' });
  assert.equal(await calls[2], undefined);
  for (const none of ['another', undefined, 7]) {
    await assert.rejects(retry(none), { code: 'VALIDATION' });
    await assert.rejects(discard(none), { code: 'VALIDATION' });
  }
  await assert.rejects(retry(id, () => {}), { code: 'INVALID_DOCUMENT' });
});

test('all of it can be exported, as it is stored', async () => {
  const { client, engine } = await opened();
  engine.tell(one, group);
  const blob = await client.inbox.export();
  const lines = (await blob.text()).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines, [{ ...one.item, ...one.write }, { ...group.item, ...group.write }]);
});

test('after a panic the items that were stored are told again and keep their identity', async () => {
  const { client, engine, fake } = await opened();
  engine.tell(one, group);
  const [first] = client.inbox.current;
  const { open } = fake.Client;
  fake.Client.open = (...call) => {
    const next = open(...call);
    queueMicrotask(() => next.tell(one));
    return next;
  };
  engine.next = ([call]) => call === 'put' && engine.trap();
  assert.throws(() => client.documents('notes').put('a', {}), { code: 'WASM_PANIC' });
  assert.equal(client.inbox.current.length, 2);
  await settle();
  assert.equal(client.inbox.current.length, 1, 'the other one was not');
  assert.equal(client.inbox.current[0], first);
});
