// Calls about what is pending, against a stand-in that follows the module's contract.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle, stage } from './stage.mjs';

test('push and syncImmediately end with the answer to their question', async () => {
  const { client, engine } = await opened();
  const all = client.push();
  const item = client.syncImmediately({ collection: 'notes', key: 'a' }, { timeoutMs: 500 });
  await settle();
  assert.deepEqual(engine.calls.slice(-2), [['push'], ['sync', 'notes', 'a', '500']]);
  engine.answer(1);
  assert.equal(await all, undefined);
  engine.answer(2, { code: 'NETWORK', message: 'no answer' });
  await assert.rejects(item, { code: 'NETWORK', retryable: true });
  for (const timeoutMs of [-1, 1.5, NaN, -Infinity, '5', null]) await assert.rejects(client.push({ timeoutMs }), { code: 'VALIDATION' });
  for (const name of [undefined, {}, { collection: 'notes' }, { collection: '', key: 'a' }]) {
    await assert.rejects(client.syncImmediately(name), { code: 'VALIDATION' }, JSON.stringify(name));
    assert.throws(() => client.queueForSync(name), { code: 'VALIDATION' });
  }
  const given = new AbortController();
  const late = client.push({ signal: given.signal });
  given.abort('why');
  await assert.rejects(late, { code: 'ABORTED', cause: 'why' });
});

test('waitForPendingUpdates never rejects', async () => {
  const { client, engine } = await opened();
  const waits = [client.waitForPendingUpdates(), client.waitForPendingUpdates({ timeoutMs: 0 }), client.waitForPendingUpdates(), client.waitForPendingUpdates()];
  await settle();
  assert.deepEqual(engine.calls.slice(-4), [['wait', '30000'], ['wait', '0'], ['wait', '30000'], ['wait', '30000']]);
  engine.answer(1);
  engine.answer(2, { code: 'TIMEOUT', message: 'not in time' });
  assert.deepEqual(await Promise.all(waits.slice(0, 2)), [true, false]);
  assert.equal(await client.waitForPendingUpdates({ signal: AbortSignal.abort() }), false);
  engine.answer(3, { code: 'CLOSED', message: 'closed' });
  assert.equal(await waits[2], false);
  await client.close();
  assert.deepEqual([await waits[3], await client.waitForPendingUpdates()], [false, false]);
});

test('a wait without an end is one for as long as can be said', async () => {
  const { client, engine } = await opened();
  const waits = [client.waitForPendingUpdates({ timeoutMs: Infinity }), client.push({ timeoutMs: Infinity })];
  await settle();
  assert.deepEqual(engine.calls.slice(-2), [['wait', '9007199254740991'], ['push', '9007199254740991']]);
  engine.answer(1);
  engine.answer(2);
  assert.deepEqual(await Promise.all(waits), [true, undefined]);
});

test('a pull is for all feeds or for one', async () => {
  const { client, engine } = await opened({ feeds: ['main', 'collection:notes'] });
  assert.deepEqual(engine.options.config.feeds, ['main', 'collection:notes']);
  const pulls = [client.pull(), client.pull({ feed: 'collection:notes' }), client.pull({ feed: 'others' })];
  await settle();
  assert.deepEqual(engine.calls.slice(-3), [['pull'], ['pull', 'collection:notes'], ['pull', 'others']]);
  engine.answer(1);
  engine.answer(2);
  engine.answer(3, { code: 'VALIDATION', message: 'there is no such feed' });
  assert.deepEqual(await Promise.all(pulls.slice(0, 2)), [undefined, undefined]);
  await assert.rejects(pulls[2], { code: 'VALIDATION' });
  for (const feed of ['', 7, null, '\ud800']) await assert.rejects(client.pull({ feed }), { code: 'VALIDATION' });
});

test('feeds are a list of different names', async () => {
  const { facade } = await stage();
  for (const feeds of [[], 'main', [''], ['a', 'a'], [7], ['\ud800'], null]) {
    await assert.rejects(facade.open({ name: 'app', feeds }), { code: 'VALIDATION' }, JSON.stringify(feeds));
  }
  const { engine } = await opened();
  assert.equal(engine.options.config.feeds, undefined);
});

test('without a ping of its own, a transport is asked for a change of a feed that there is', async () => {
  const asked = [];
  const pull = async (cursor, { feed, limit }) => void asked.push([feed, limit]);
  const { engine } = await opened({ feeds: ['mine'], transport: { push: async () => [], pull } });
  await engine.host.ping({});
  assert.deepEqual(asked, [['mine', 1]]);
});

test('what is pending is asked for, and nothing of it is remembered here', async () => {
  const { client, engine } = await opened();
  assert.equal(client.hasPendingUpdates(), false);
  engine.pending = true;
  assert.equal(client.hasPendingUpdates(), true);
  client.queueForSync({ collection: 'notes', key: 'a' });
  assert.deepEqual(engine.calls.at(-1), ['mark', 'notes', 'a']);
  await client.close();
  assert.throws(() => client.hasPendingUpdates(), { code: 'CLOSED' });
});

test('a client that was stopped stays so through a panic', async () => {
  const { client, engine, fake } = await opened();
  client.start();
  client.stop();
  client.stop();
  assert.deepEqual(engine.calls.slice(-3), [['start'], ['stop'], ['stop']]);
  engine.next = ([call]) => call === 'put' && engine.trap();
  assert.throws(() => client.documents('notes').put('a', {}), { code: 'WASM_PANIC' });
  await settle();
  assert.notEqual(fake.Client.last, engine);
  assert.deepEqual(fake.Client.last.calls[0], ['stop'], 'before anything else');
  client.start();
  assert.deepEqual(fake.Client.last.calls.at(-1), ['start']);
});

test("a document's status is unknown first, and the same as long as it is the same", async () => {
  const { client, engine, fake } = await opened();
  const notes = client.documents('notes');
  const status = notes.status('a');
  assert.equal(status, notes.status('a'));
  assert.deepEqual(status.current, { state: 'unknown', lastSync: null });
  assert.ok(Object.isFrozen(status.current));
  const heard = [];
  let completed = false;
  status.subscribe({ next: ({ state, lastSync }) => heard.push([state, lastSync]), complete: () => (completed = true) });
  engine.item('notes', 'a', 'pending');
  engine.item('notes', 'a', 'syncing');
  engine.item('notes', 'a', 'syncing');
  engine.item('notes', 'nobody looks at this one', 'syncing');
  engine.item('notes', 'a', 'synced', 7);
  assert.deepEqual(heard, [['unknown', null], ['pending', null], ['syncing', null], ['synced', 7]]);
  assert.equal(status.getSnapshot(), status.current);
  engine.items.set('notes/b', 'rejected');
  assert.equal(notes.status('b').current.state, 'rejected', 'what the engine knows is known at once');
  assert.throws(() => notes.status(''), { code: 'VALIDATION' });

  engine.next = ([call]) => call === 'put' && engine.trap();
  assert.throws(() => notes.put('a', {}), { code: 'WASM_PANIC' });
  await settle();
  fake.Client.last.item('notes', 'a', 'pending');
  assert.deepEqual(heard.slice(4), [['unknown', null], ['pending', null]], 'another module knows of nothing, and is asked');
  await client.close();
  assert.equal(completed, true);
  assert.equal(notes.status('late').current.state, 'unknown');
});

test('pending items are told as long as somebody looks', async () => {
  const { client, engine, fake } = await opened();
  const [a, b, c] = ['a', 'b', 'c'].map((key) => ({ collection: 'notes', key }));
  const calls = () => engine.calls.splice(0).map(([call]) => call);
  calls();
  engine.pendingItems = [a, b];
  const { current } = client.pendingItems;
  assert.deepEqual(current, [a, b]);
  assert.equal(client.pendingItems.getSnapshot(), current, 'the same as long as it is the same');
  assert.deepEqual(calls(), ['observe', 'unobserve', 'observe', 'unobserve']);
  const heard = [];
  let completed = 0;
  const stop = client.pendingItems.subscribe({ next: (items) => heard.push(items.map(({ key }) => key).join()), complete: () => (completed += 1) });
  const others = client.pendingItems.subscribe(() => {});
  engine.tell({ notice: 'pendingItems', added: [c], removed: [a] });
  engine.tell({ notice: 'pendingItems', added: [], removed: [b, c] });
  assert.deepEqual(heard, ['a,b', 'b,c', '']);
  others();
  assert.deepEqual(calls(), ['observe']);
  stop();
  assert.deepEqual(calls(), ['unobserve']);
  client.pendingItems.subscribe({ complete: () => (completed += 1) });
  engine.next = ([call]) => call === 'put' && engine.trap();
  assert.throws(() => client.documents('notes').put('a', {}), { code: 'WASM_PANIC' });
  await settle();
  assert.ok(fake.Client.last.calls.some(([call]) => call === 'observe'));
  await client.close();
  assert.equal(completed, 1);
});

test('the history has its times as RFC 3339 says', async () => {
  const { client, engine } = await opened();
  engine.rows = [{ number: 3, slot: 1, direction: 'push', client: 'c', bytes: 9, items: 2, outcome: 'ok', at: 1700000000123 }];
  const rows = await client.history();
  assert.deepEqual(rows, [{ direction: 'push', client: 'c', bytes: 9, items: 2, outcome: 'ok', at: '2023-11-14T22:13:20.123Z' }]);
  assert.ok(Object.isFrozen(rows) && Object.isFrozen(rows[0]));
  await client.close();
  await assert.rejects(client.history(), { code: 'CLOSED' });
});
