// Sources: who hears what, in which order, and in every framework's shape.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle } from './stage.mjs';

async function notes(options) {
  const stage = await opened(options);
  return { ...stage, notes: stage.client.documents('notes') };
}

test('a subscriber hears at once what is known, and each change in the tick of its write', async () => {
  const { notes: documents } = await notes();
  const heard = [];
  documents.watch('a').subscribe((value) => heard.push(value?.n));
  documents.put('a', { n: 1 });
  documents.put('a', { n: 2 });
  assert.deepEqual(heard, [undefined, 1, 2]);
});

test('a document that is not loaded says nothing until it is', async () => {
  const { notes: documents, engine } = await notes();
  engine.loaded = new Set();
  engine.documents.set('notes/a', '{"n":1}');
  const heard = [];
  const source = documents.watch('a');
  source.subscribe((value) => heard.push(value));
  assert.deepEqual([heard, source.current], [[], undefined]);
  await settle();
  assert.deepEqual(heard, [{ n: 1 }]);
  assert.ok(engine.calls.some(([call]) => call === 'load'));
});

test('a value keeps its identity until it changes', async () => {
  const { notes: documents, engine } = await notes();
  documents.put('a', { n: 1, deep: { x: 1 } });
  const source = documents.watch('a');
  const before = source.getSnapshot();
  assert.equal(before, source.current);
  assert.equal(before, documents.peek('a'));
  assert.equal(before, await documents.get('a'));
  engine.operate('notes', 'a', { op: 'patch', collection: 'notes', key: 'a', set: { '/n': 2 }, remove: [] });
  assert.notEqual(source.current, before);
  assert.equal(source.current.deep, before.deep);
  assert.equal(documents.watch('a'), source);
});

test('observers get the change beside the value', async () => {
  const { notes: documents, engine } = await notes();
  documents.put('a', { text: 'x' });
  const changes = [];
  documents.watch('a').subscribe({ next: (value, change) => changes.push(change?.map(({ op, items }) => [op, items])) });
  engine.operate('notes', 'a', { op: 'append', collection: 'notes', key: 'a', path: '/text', items: 'y' });
  documents.put('a', { text: 'z' });
  assert.deepEqual(changes, [undefined, [['append', 'y']], undefined]);
});

test('i24: an observer that throws harms nobody else', async (context) => {
  const { notes: documents } = await notes();
  const reported = context.mock.method(console, 'error', () => {});
  const heard = [];
  documents.watch('a').subscribe(() => {
    throw new Error('mine');
  });
  documents.watch('a').subscribe((value) => heard.push(value?.n));
  assert.equal(documents.put('a', { n: 1 }).id, 'm1');
  assert.deepEqual(heard, [undefined, 1]);
  assert.equal(reported.mock.callCount(), 2);
});

test('i24: writes made by an observer are told after what it was told, to everybody in the same order', async () => {
  const { notes: documents } = await notes();
  const first = [];
  const second = [];
  const late = [];
  documents.watch('a').subscribe((value) => {
    first.push(value?.n);
    if (value?.n === 1) {
      documents.put('a', { n: 2 });
      assert.equal(documents.peek('a').n, 2);
      documents.watch('a').subscribe((later) => late.push(later.n));
    }
  });
  documents.watch('a').subscribe((value) => second.push(value?.n));
  documents.put('a', { n: 1 });
  assert.deepEqual(first, [undefined, 1, 2]);
  assert.equal(second.at(-1), 2);
  assert.deepEqual(second.filter((n, index) => index > 0 && n < second[index - 1]), []);
  assert.deepEqual(late, [2]);
});

test('a turn is taken in whole before anybody hears of it', async () => {
  const { notes: documents, engine } = await notes();
  const seen = [];
  documents.watch('b').subscribe(() => {});
  documents.watch('a').subscribe(() => seen.push(documents.peek('b')?.n));
  const changed = (key) => ({ notice: 'changed', address: { collection: 'notes', key }, change: { change: 'value', value: { n: 7 } } });
  engine.tell(changed('a'), changed('b'));
  assert.deepEqual(seen, [undefined, 7]);
});

test('unsubscribing is final, from inside too, and by a signal', async () => {
  const { notes: documents } = await notes();
  const heard = [];
  const stop = documents.watch('a').subscribe((value) => {
    heard.push(value?.n);
    if (value?.n === 1) stop();
  });
  const controller = new AbortController();
  documents.watch('a').subscribe((value) => heard.push(`s${value?.n}`), { signal: controller.signal });
  documents.watch('a').subscribe((value) => heard.push(`never${value}`), { signal: AbortSignal.abort() });
  documents.put('a', { n: 1 });
  assert.equal(stop.closed, true);
  controller.abort();
  documents.put('a', { n: 2 });
  assert.deepEqual(heard, [undefined, 'sundefined', 1, 's1']);
});

test('a loop gets each value, and the latest where it is slow', async () => {
  const { notes: documents, client } = await notes();
  documents.put('a', { n: 0 });
  const seen = [];
  const loop = (async () => {
    for await (const value of documents.watch('a')) {
      seen.push(value.n);
      if (value.n === 1) await settle();
    }
  })();
  await settle();
  documents.put('a', { n: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  for (const n of [2, 3, 4]) documents.put('a', { n });
  await settle();
  await settle();
  await client.close();
  await loop;
  assert.deepEqual(seen, [0, 1, 4]);
});

test('leaving a loop unsubscribes, also while it waits', async () => {
  const { notes: documents, engine } = await notes();
  documents.put('a', { n: 0 });
  for await (const value of documents.watch('a')) if (value) break;
  const iterator = documents.watch('a')[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = iterator.next();
  await iterator.return();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  assert.deepEqual(await iterator.next(), { value: undefined, done: true });
  assert.ok(engine.held.has('notes/a'));
});

test('rxjs, svelte and react take a source as it is', async () => {
  const { notes: documents } = await notes();
  documents.put('a', { n: 1 });
  const source = documents.watch('a');
  // RxJS: interop by this name, a teardown that is a function.
  const interop = source['@@observable']();
  const teardown = interop.subscribe({ next() {}, error() {}, complete() {} });
  assert.equal(typeof teardown, 'function');
  teardown();
  // Svelte: subscribe(run, invalidate) calls run before it returns.
  let ran;
  source.subscribe((value) => (ran = value), () => {});
  assert.equal(ran.n, 1);
  // React: both functions are called without `this`, and the snapshot is stable.
  const { subscribe, getSnapshot } = source;
  let changes = 0;
  const stop = subscribe(() => (changes += 1));
  assert.equal(getSnapshot(), getSnapshot());
  documents.put('a', { n: 2 });
  assert.deepEqual([changes, getSnapshot().n], [2, 2]);
  stop();
});

test('what nobody watches is let go of, the longest idle first, and comes back when it is used', async () => {
  const { notes: documents, engine } = await notes();
  const source = documents.watch('first');
  const kept = documents.watch('kept');
  kept.subscribe(() => {});
  documents.put('first', { n: 1 });
  for (let i = 0; i < 1100; i += 1) documents.peek(`k${i}`);
  assert.equal(engine.held.size, 1001);
  assert.ok(engine.held.has('notes/kept') && !engine.held.has('notes/first'));
  assert.equal(source.current.n, 1);
  const heard = [];
  source.subscribe((value) => heard.push(value.n));
  documents.put('first', { n: 2 });
  assert.deepEqual(heard, [1, 2]);
});

test('many reads at once get what they asked for', async () => {
  const { notes: documents, engine } = await notes();
  engine.loaded = new Set();
  const keys = Array.from({ length: 3000 }, (_, index) => `k${index}`);
  for (const key of keys) engine.documents.set(`notes/${key}`, JSON.stringify({ key }));
  const read = await Promise.all(keys.map((key) => documents.get(key)));
  assert.deepEqual(read.map((value) => value?.key), keys);
  assert.ok(engine.held.size <= 1000);
  assert.equal(engine.calls.filter(([call]) => call === 'load').length, 1, 'in one call');
});
