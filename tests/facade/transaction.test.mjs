// Several documents in one write, what comes after what, and taking writes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened } from './stage.mjs';

const mutated = (engine) => engine.calls.filter(([call]) => call === 'mutate').map(([, text]) => JSON.parse(text));

test('i26: what a function writes is one call, with what it read and what it comes after', async () => {
  const { client, engine } = await opened();
  engine.change('notes', 'a', '{"n":1,"tags":{"x":1}}');
  const write = client.mutate((transaction) => {
    const { n } = transaction.get('notes', 'a');
    transaction.put('notes', 'b', { n: n + 1 });
    transaction.patch('notes', 'a', { tags: { x: null } });
    transaction.delete('todos', 'c');
    return 'done';
  }, { after: ['m0'] });
  assert.equal(write.result, 'done');
  assert.equal(write.id, 'm1');
  assert.deepEqual(mutated(engine), [{
    writes: [
      { op: 'put', collection: 'notes', key: 'b', value: { n: 2 } },
      { op: 'merge', collection: 'notes', key: 'a', value: { tags: { x: null } } },
      { op: 'delete', collection: 'todos', key: 'c', value: null },
    ],
    reads: [{ collection: 'notes', key: 'a' }],
    after: ['m0'],
    atomic: true,
  }]);
  engine.tell({ notice: 'durable', mutations: ['m1'], durability: 'strict' });
  engine.tell({ notice: 'settled', mutation: 'm1', ending: { ending: 'applied', version: '2' } });
  assert.equal(await write.durable, 'strict');
  assert.deepEqual(await write.settled, { ending: 'applied', version: '2' });
});

test('a function sees what it wrote itself, and nothing is there before it returns', async () => {
  const { client, engine } = await opened();
  engine.change('notes', 'a', '{"n":1,"tags":{"x":1,"y":2}}');
  client.mutate((transaction) => {
    transaction.patch('notes', 'a', { tags: { x: null }, 'a/b~c': { d: 1 }, e: {} });
    assert.deepEqual(transaction.get('notes', 'a'), { n: 1, tags: { y: 2 }, 'a/b~c': { d: 1 }, e: {} });
    transaction.put('notes', 'a', { n: 5 });
    transaction.patch('notes', 'a', { n: 6 });
    const seen = transaction.get('notes', 'a');
    assert.deepEqual(seen, { n: 6 });
    assert.throws(() => { seen.n = 7; }, TypeError);
    transaction.delete('notes', 'a');
    assert.equal(transaction.get('notes', 'a'), undefined);
    assert.equal(transaction.get('notes', 'nothing'), undefined);
    assert.equal(mutated(engine).length, 0);
  });
  assert.equal(mutated(engine).length, 1);
  assert.deepEqual(mutated(engine)[0].reads, [{ collection: 'notes', key: 'a' }, { collection: 'notes', key: 'nothing' }]);
});

test('a function that throws, waits, or asks for what is not in memory writes nothing', async () => {
  const { client, engine } = await opened();
  engine.loaded = new Set();
  const put = (transaction) => transaction.put('notes', 'a', {});
  const thrown = new Error('mine');
  assert.throws(() => client.mutate((transaction) => { put(transaction); throw thrown; }), thrown);
  assert.throws(() => client.mutate(async (transaction) => put(transaction)), { code: 'VALIDATION' });
  assert.throws(() => client.mutate((transaction) => { put(transaction); transaction.get('notes', 'b'); }), { code: 'NOT_LOADED' });
  assert.throws(() => client.mutate((transaction) => transaction.patch('notes', 'a', [])), { code: 'VALIDATION' });
  assert.throws(() => client.mutate((transaction) => transaction.put('notes', '\ud800', {})), { code: 'VALIDATION' });
  assert.throws(() => client.mutate((transaction) => transaction.put('notes', 'a', undefined)), { code: 'INVALID_DOCUMENT' });
  assert.throws(() => client.mutate({}), { code: 'VALIDATION' });
  assert.equal(mutated(engine).length, 0);
});

test('without atomic, the whole is as its worst part', async () => {
  const { client, engine } = await opened();
  const write = client.mutate((transaction) => {
    transaction.put('notes', 'a', 1);
    transaction.put('notes', 'b', 2);
  }, { atomic: false });
  engine.tell({ notice: 'settled', mutation: 'm1.0', ending: { ending: 'applied' } });
  engine.tell({ notice: 'settled', mutation: 'm1.1', ending: { ending: 'rejected', error: { code: 'REJECTED', message: 'no' } } });
  assert.equal((await write.settled).ending, 'rejected');
});

test('i8: rollback says whether the write was not applied and never will be', async () => {
  const { client, engine } = await opened();
  const notes = client.documents('notes');
  const cancelled = () => engine.calls.filter(([call]) => call === 'cancel').map(([, id]) => id);
  const ends = (mutation, ending) => engine.tell({ notice: 'settled', mutation, ending });

  const unsent = notes.put('a', 1).rollback();
  ends('m1', { ending: 'cancelled' });
  assert.equal(await unsent, true);

  const sent = notes.put('a', 2).rollback();
  ends('m2', { ending: 'applied', version: '1' });
  assert.equal(await sent, false);

  const merged = notes.put('a', 3).rollback();
  ends('m3', { ending: 'merged', by: 'f3' });
  assert.equal(await merged, false, 'what it is part of by then may be others\' too');

  const nobodyKnows = notes.put('a', 4).rollback();
  ends('m4', { ending: 'unknown', error: { code: 'PROTOCOL', message: '' } });
  assert.equal(await nobodyKnows, false);
  assert.deepEqual(cancelled(), ['m1', 'm2', 'm3', 'm4']);
  await client.close();
  await assert.rejects(notes.watch && Promise.resolve().then(() => notes.put('a', 5)), { code: 'CLOSED' });
});
