// Lists that follow a collection.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle } from './stage.mjs';

/** A client with these documents in its store. */
async function stored(documents, loaded = null) {
  const stage = await opened();
  for (const [key, value] of Object.entries(documents)) stage.engine.documents.set(`notes/${key}`, JSON.stringify(value));
  stage.engine.loaded = loaded;
  return { ...stage, notes: stage.client.documents('notes') };
}

/** What a list has been, each time. */
function heard(source) {
  const lists = [];
  const stop = source.subscribe((list) => lists.push(list));
  return { lists, stop };
}

const THREE = { a: { n: 3 }, b: { n: 1 }, c: { n: 2 } };

test('a list says nothing until all documents are in memory, and then what there is', async () => {
  const { notes, engine } = await stored(THREE, new Set(['notes/b']));
  const live = notes.live();
  const { lists } = heard(live);
  assert.deepEqual([lists, live.current], [[], undefined]);
  await settle();
  assert.deepEqual(lists, [[{ n: 3 }, { n: 1 }, { n: 2 }]]);
  assert.ok(Object.isFrozen(live.current) && Object.isFrozen(live.current[0]));
  assert.deepEqual(engine.calls.filter(([call]) => call === 'load'), [['load', 'notes', '']], 'in one question');
});

test('it follows what is written in the tick of the write, and what comes', async () => {
  const { notes, engine } = await stored(THREE);
  const live = notes.live({ orderBy: 'n' });
  const { lists } = heard(live);
  await settle();
  const [, two] = live.current;
  notes.put('d', { n: 0 });
  notes.delete('b');
  engine.operate('notes', 'a', { op: 'increment', collection: 'notes', key: 'a', path: '/n', by: -2 });
  const numbers = lists.map((list) => list.map(({ n }) => n));
  assert.deepEqual(numbers, [[1, 2, 3], [0, 1, 2, 3], [0, 2, 3], [0, 1, 2]]);
  assert.equal(live.current[2], two, 'what has not changed keeps its identity');
  engine.tell(...['e', 'f'].map((key) => ({ notice: 'changed', address: { collection: 'notes', key }, change: { change: 'value', value: { n: 9 } } })));
  assert.deepEqual([lists.length, live.current.length], [5, 5], 'a turn is heard of once');
});

test('where, orderBy, descending and limit', async () => {
  const { notes } = await stored({ a: { n: 3, x: 'y' }, b: { n: 'z', x: 'y' }, c: { x: 'y' }, d: { n: 2 }, e: { n: true, x: 'y' }, f: { n: 2, x: 'y' } });
  const query = { where: { x: 'y' }, orderBy: 'n' };
  const up = heard(notes.live(query));
  const down = heard(notes.live({ ...query, descending: true, limit: 2 }));
  const few = heard(notes.liveEntries({ where: ({ n }) => n === 2 }));
  await settle();
  assert.deepEqual(up.lists.at(-1).map(({ n }) => n), [undefined, true, 2, 3, 'z']);
  assert.deepEqual(down.lists.at(-1).map(({ n }) => n), ['z', 3]);
  assert.deepEqual(few.lists, [[['d', { n: 2 }], ['f', { n: 2, x: 'y' }]]]);
  const before = down.lists.length;
  notes.put('g', { n: 0, x: 'y' });
  assert.equal(down.lists.length, before, 'what it does not show is no news');
  assert.equal(few.lists.length, 1);
  notes.update('f', { n: 5 });
  for (const wrong of [{ when: 1 }, { where: 7 }, { orderBy: 7 }, { limit: -1 }, { descending: 1 }]) {
    assert.throws(() => notes.live(wrong), { code: 'VALIDATION' });
  }
});

test('any course of changes comes to what a sort of all comes to', async () => {
  const { notes } = await stored({});
  const live = notes.live({ where: ({ n }) => n % 5 !== 0, orderBy: 'n', limit: 40 });
  heard(live);
  await settle();
  const there = new Map();
  let seed = 7;
  const draw = (to) => (seed = (seed * 48271) % 2147483647) % to;
  for (let turn = 0; turn < 2_000; turn += 1) {
    const key = `k${draw(100)}`;
    if (draw(4) === 0) {
      there.delete(key);
      notes.delete(key);
    } else {
      const value = { n: draw(50), key };
      there.set(key, value);
      notes.put(key, value);
    }
    const all = [...there.values()].filter(({ n }) => n % 5 !== 0);
    all.sort((one, other) => one.n - other.n || (one.key < other.key ? -1 : 1));
    assert.deepEqual(live.current, all.slice(0, 40));
  }
});

test('a document has one identity, in lists and by itself', async () => {
  const { notes } = await stored(THREE);
  const alone = await notes.get('a');
  const { lists } = heard(notes.live());
  await settle();
  assert.equal(lists[0][0], alone, 'read before');
  const source = notes.watch('b');
  const each = [];
  source.subscribe((value) => each.push(value));
  assert.equal(source.current, lists[0][1], 'read behind');
  assert.equal(await notes.get('c'), lists[0][2]);
  assert.deepEqual([each.length, lists.length], [1, 1], 'nothing is heard of twice');
  notes.update('b', { x: 1 });
  notes.put('c', { n: 7 });
  assert.equal(notes.peek('c'), lists.at(-1)[2]);
  assert.equal(await notes.get('nowhere'), undefined);
});

test('who only reads gets what there is; who comes later hears it at once', async () => {
  const { notes } = await stored(THREE);
  const live = notes.live({ orderBy: 'n' });
  assert.equal(live.current, undefined, 'nobody looks');
  const { stop } = heard(notes.live());
  await settle();
  assert.deepEqual(live.current.map(({ n }) => n), [1, 2, 3]);
  assert.equal(live.current, live.getSnapshot(), 'and it stays the same');
  notes.put('d', { n: 0 });
  assert.deepEqual(live.current.map(({ n }) => n), [0, 1, 2, 3]);
  const { lists } = heard(live);
  assert.equal(lists.length, 1);
  notes.put('e', { n: 9 });
  assert.equal(lists.at(-1).length, 5);
  stop();
  notes.put('f', { n: 9 });
  assert.equal(lists.at(-1).length, 6);
});

test('a collection that no list shows any more goes after a while', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { notes, engine } = await stored(THREE);
  const soon = async () => {
    for (let tick = 0; tick < 9; tick += 1) await null;
  };
  heard(notes.live()).stop();
  await soon();
  const again = heard(notes.live());
  context.mock.timers.tick(20_000);
  assert.ok(engine.held.has('notes/'), 'somebody looks again');
  again.stop();
  context.mock.timers.tick(9_999);
  assert.ok(engine.held.has('notes/'));
  context.mock.timers.tick(1);
  assert.ok(!engine.held.has('notes/'));
  const later = heard(notes.live());
  await soon();
  assert.ok(engine.held.has('notes/'));
  later.stop();
});

test('a query that throws finds nothing and harms nobody', async (context) => {
  const errors = context.mock.method(console, 'error', () => {});
  const { notes } = await stored(THREE);
  const bad = heard(notes.live({ where: ({ n }) => n.missing.member }));
  const good = heard(notes.live());
  await settle();
  assert.deepEqual([bad.lists, good.lists[0].length], [[[]], 3]);
  assert.equal(errors.mock.callCount(), 3);
});

test('after a panic a list has what there is then, and what is the same keeps its identity', async () => {
  const { notes, engine, fake } = await stored(THREE);
  const live = notes.live();
  const { lists } = heard(live);
  await settle();
  const [first] = live.current;
  const { open } = fake.Client;
  fake.Client.open = function (...call) {
    const client = open.apply(this, call);
    for (const [key, value] of Object.entries({ a: { n: 3 }, c: { n: 5 } })) client.documents.set(`notes/${key}`, JSON.stringify(value));
    return client;
  };
  engine.host.panicked('index out of bounds');
  await settle();
  assert.deepEqual(live.current, [{ n: 3 }, { n: 5 }]);
  assert.equal(live.current[0], first);
  assert.equal(lists.length, 2, 'and nothing in between was heard of');
});

test('a list ends with its client, and so does one that is made later', async () => {
  const { notes, client } = await stored(THREE);
  const ends = [];
  const live = notes.live();
  live.subscribe({ complete: () => ends.push('first') });
  await settle();
  await client.close();
  assert.deepEqual(ends, ['first']);
  assert.equal(live.current.length, 3, 'what was there last');
  notes.live().subscribe({ complete: () => ends.push('later') });
  assert.deepEqual(ends, ['first', 'later']);
});
