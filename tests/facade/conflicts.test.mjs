// Conflicts that no rule settles, against a stand-in that follows the module's contract.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { opened, root, settle, stage } from './stage.mjs';

const { notices } = JSON.parse(readFileSync(join(root, 'tests/vectors/notices.json'), 'utf8'));
const [asked, parked] = notices.map(({ notice }) => notice).filter(({ notice }) => notice === 'unresolved');
const { address, digest, mutations } = asked;

/** A client whose collection `notes` has this strategy; `decided()` gives what the engine was told. */
async function following(conflict, options = {}) {
  const all = await opened({ ...options, collections: { notes: { conflict } } });
  const decided = () => all.engine.calls.filter(([call]) => call === 'resolve').map(([, collection, key, text]) => [collection, key, JSON.parse(text)]);
  return { ...all, decided };
}

test('what the module is told of strategies', async () => {
  const resolver = () => ({ take: 'mine' });
  for (const [given, told] of [
    ['manual', 'manual'],
    [resolver, 'app'],
    [{ fields: { '/a': 'sum', '/b': 'manual' }, otherwise: resolver }, { fields: { '/a': 'sum', '/b': 'manual' }, otherwise: 'app' }],
    [{ otherwise: 'manual' }, { otherwise: 'manual' }],
  ]) {
    const { engine } = await following(given);
    assert.deepEqual(engine.options.config.merge, { notes: told });
  }
  const { facade } = await stage();
  for (const wrong of ['app', { otherwise: 'app' }, { fields: { '/a': resolver } }, { fields: { '/a': 'app' } }]) {
    await assert.rejects(facade.open({ name: 'app', collections: { notes: { conflict: wrong } } }), { code: 'VALIDATION' }, JSON.stringify(wrong));
  }
});

test('the function is asked, sync or async, and what it says is told', async () => {
  for (const [decision, told] of [
    [{ take: 'mine' }, { digest, take: 'mine' }],
    [{ take: 'theirs' }, { digest, take: 'theirs' }],
    [{ value: { n: 1 } }, { digest, take: 'value', value: { n: 1 } }],
    [{ value: undefined }, { digest, take: 'value' }],
    [{ defer: true }, { digest, take: 'defer' }],
  ]) {
    for (const answer of [() => decision, async () => decision]) {
      const inputs = [];
      const { engine, client, decided } = await following((input) => inputs.push(input) && answer());
      engine.tell(asked);
      assert.deepEqual(inputs, [], 'not within the turn that tells of it');
      await settle();
      const { base, mine, theirs, fields } = asked;
      assert.deepEqual(inputs, [{ key: address.key, base, mine, theirs, fields, mutationIds: mutations }]);
      assert.ok(Object.isFrozen(inputs[0]) && Object.isFrozen(inputs[0].mine));
      assert.deepEqual(decided(), [[address.collection, address.key, told]]);
      assert.deepEqual(client.conflicts.current, []);
    }
  }
});

test('one that throws, or says what is no decision, leaves it to a person, and that is told', async () => {
  const cyclic = {};
  cyclic.cyclic = cyclic;
  const failures = [
    () => { throw new TypeError('no'); },
    async () => { throw new TypeError('no'); },
    () => undefined,
    () => 7,
    () => ({ take: 'both' }),
    () => ({ value: () => {} }),
    () => ({ value: cyclic }),
  ];
  for (const failure of failures) {
    const { client, engine, decided } = await following(failure);
    const errors = [];
    client.on('error', (error) => errors.push(error));
    engine.tell(asked);
    await settle();
    assert.deepEqual(decided(), [[address.collection, address.key, { digest, take: 'defer' }]], String(failure));
    assert.deepEqual(errors.map(({ code }) => code), ['VALIDATION']);
    assert.ok(errors[0].cause instanceof Error);
  }
});

test('one that the engine does not take is told of, but for one about what has moved', async () => {
  for (const [code, told] of [['ABORTED', 0], ['STORAGE_UNAVAILABLE', 0], ['TOO_LARGE', 1]]) {
    const { client, engine, decided } = await following(() => ({ take: 'mine' }));
    const errors = [];
    client.on('error', (error) => errors.push(error));
    engine.tell(asked);
    await settle();
    engine.answer(1, { code, message: 'no' });
    await settle();
    assert.deepEqual([errors.length, decided().length], [told, 1]);
  }
});

test('what waits for a person is a list, and is resolved there', async () => {
  const { client, engine, decided } = await following('manual');
  const heard = [];
  let completed = false;
  client.conflicts.subscribe({ next: (all) => heard.push(all.length), complete: () => (completed = true) });
  engine.tell(parked);
  const [conflict] = client.conflicts.current;
  assert.equal(client.conflicts.getSnapshot(), client.conflicts.current);
  assert.deepEqual([conflict.id, conflict.collection, conflict.key, conflict.base, conflict.theirs], [mutations[0], 'notes', 'a/ü', undefined, undefined]);
  assert.ok(Object.isFrozen(conflict) && Object.isFrozen(conflict.mine));
  for (const wrong of [undefined, {}, { take: 'yours' }, { defer: 1 }]) await assert.rejects(conflict.resolve(wrong), { code: 'VALIDATION' });
  await assert.rejects(conflict.resolve({ value: 7n }), { code: 'INVALID_DOCUMENT' });
  const calls = [conflict.resolve({ take: 'theirs' }), conflict.resolve({ value: { n: 2 } })];
  await settle();
  assert.deepEqual(decided().map(([, , told]) => told), [{ digest, take: 'theirs' }, { digest, take: 'value', value: { n: 2 } }]);
  engine.answer(1);
  engine.answer(2, { code: 'ABORTED', message: 'another one by now' });
  assert.equal(await calls[0], undefined);
  await assert.rejects(calls[1], { code: 'ABORTED' });
  engine.tell({ ...parked, digest: '1', mine: { text: 'more' } });
  assert.deepEqual(client.conflicts.current.map(({ mine }) => mine), [{ text: 'more' }]);
  engine.tell({ notice: 'resolved', address });
  assert.deepEqual([client.conflicts.current, heard], [[], [0, 1, 1, 0]]);
  await client.close();
  assert.equal(completed, true);
});

test('without a function a conflict is left to a person', async () => {
  const { engine, decided } = await following('manual');
  engine.tell(asked);
  await settle();
  assert.deepEqual(decided().map(([, , told]) => told), [{ digest, take: 'defer' }]);
});

test('after a panic what waits is told again and keeps its identity', async () => {
  const { client, engine, fake } = await following('manual');
  engine.tell(parked, { ...parked, address: { collection: 'notes', key: 'b' } });
  const [first] = client.conflicts.current;
  const { open } = fake.Client;
  fake.Client.open = (...call) => {
    const next = open(...call);
    queueMicrotask(() => next.tell(parked));
    return next;
  };
  engine.next = ([call]) => call === 'put' && engine.trap();
  assert.throws(() => client.documents('notes').put('a', {}), { code: 'WASM_PANIC' });
  await settle();
  assert.deepEqual([client.conflicts.current.length, client.conflicts.current[0] === first], [1, true]);
});
