// After a panic: everything is dropped, the module starts again, and the same client goes on; not for ever.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle } from './stage.mjs';

const trap = (engine) => {
  engine.next = ([call]) => call === 'put' && engine.trap();
};

test('l11: a trap ends what was not stored, and the client goes on from the store', async () => {
  const { client, engine, fake } = await opened();
  const notes = client.documents('notes');
  const values = [];
  const phases = [];
  notes.watch('a').subscribe((value) => values.push(value?.n));
  client.status.subscribe(({ phase, error }) => phases.push([phase, error?.code]));
  const kept = notes.put('a', { n: 1 });
  engine.tell({ notice: 'durable', mutations: [kept.id], durability: 'strict' });
  await kept.durable;
  const lost = notes.put('a', { n: 2 });
  trap(engine);
  assert.throws(() => notes.put('b', {}), { code: 'WASM_PANIC', retryable: true });
  assert.throws(() => notes.put('b', {}), { code: 'WASM_PANIC' });
  await assert.rejects(lost.durable, { code: 'WASM_PANIC' });
  assert.deepEqual((await lost.settled).error.code, 'WASM_PANIC');

  await settle();
  assert.equal(fake.resets, 1);
  assert.equal(engine.freed, false);
  const next = fake.Client.last;
  assert.notEqual(next, engine);
  assert.deepEqual(next.options, { ...engine.options, config: { ...engine.options.config, awaited: [kept.id] } });
  next.change('notes', 'a', '{"n":1}');
  assert.equal(values.at(-1), 1);
  assert.deepEqual(phases, [['idle', undefined], ['opening', 'WASM_PANIC'], ['idle', undefined]]);

  next.tell({ notice: 'settled', mutation: kept.id, ending: { ending: 'applied' } });
  assert.deepEqual(await kept.settled, { ending: 'applied' });
  notes.put('a', { n: 3 });
  assert.equal(values.at(-1), 3);
  assert.equal((await notes.get('a')).n, 3);
});

test('l11: what is still awaited is asked for by name, and ends by what the next module says', async () => {
  const { client, engine, fake } = await opened();
  const notes = client.documents('notes');
  const writes = [notes.put('a', 1), notes.put('b', 2), notes.put('c', 3)];
  engine.tell({ notice: 'durable', mutations: writes.map(({ id }) => id), durability: 'strict' });
  engine.tell({ notice: 'settled', mutation: writes[0].id, ending: { ending: 'applied', version: '1' } });
  await writes[0].settled;
  engine.host.panicked('index out of bounds');
  await settle();
  assert.deepEqual(fake.Client.last.options.config.awaited, [writes[1].id, writes[2].id]);
  fake.Client.last.tell(
    { notice: 'settled', mutation: writes[1].id, ending: { ending: 'applied' } },
    { notice: 'settled', mutation: writes[2].id, ending: { ending: 'unknown', error: { code: 'WASM_PANIC', message: 'lost' } } },
  );
  assert.deepEqual(await writes[1].settled, { ending: 'applied' });
  assert.deepEqual((await writes[2].settled).error.code, 'WASM_PANIC');
  fake.Client.last.host.panicked('and again');
  await settle();
  assert.equal(fake.Client.last.options.config.awaited, undefined, 'nothing is');
});

test('what is read again after a panic and is the same keeps its identity', async () => {
  const { client, engine, fake } = await opened();
  const notes = client.documents('notes');
  notes.put('a', { n: 1 });
  const before = notes.peek('a');
  let heard = 0;
  notes.watch('a').subscribe(() => (heard += 1));
  fake.Client.prototype.restore = function () {
    this.documents.set('notes/a', '{"n":1}');
  };
  const { open } = fake.Client;
  fake.Client.open = function (...call) {
    const client = open.apply(this, call);
    client.restore();
    return client;
  };
  engine.host.panicked('index out of bounds');
  await settle();
  assert.equal(fake.resets, 1);
  assert.equal(notes.peek('a'), before);
  assert.equal(heard, 1);
});

test('all clients of the module end and go on together, heard of once', async () => {
  const { client, engine, fake, open } = await opened();
  const other = await open({ name: 'other' });
  const otherEngine = fake.Client.last;
  const question = other.pull();
  const failed = assert.rejects(question, { code: 'WASM_PANIC' });
  await Promise.resolve();
  engine.host.panicked('first');
  otherEngine.host.panicked('second');
  await failed;
  await settle();
  assert.equal(fake.resets, 1);
  assert.equal(fake.Client.all.length, 4);
  for (const each of [client, other]) assert.equal(each.documents('notes').put('a', {}).id, 'm1');
  otherEngine.tell({ notice: 'status', ...fake.status({ phase: 'offline' }) });
  assert.equal(other.status.current.phase, 'idle', 'the dead are not heard');
});

test('an observer of the end that calls another client does not end the module twice', async () => {
  const { client, engine, fake, open } = await opened();
  const other = await open({ name: 'other' });
  const codes = [];
  client.status.subscribe(({ phase }) => {
    if (phase !== 'opening') return;
    fake.Client.last.next = () => fake.Client.last.trap();
    try {
      other.documents('notes').put('a', {});
    } catch ({ code }) {
      codes.push(code);
    }
  });
  engine.host.panicked('x');
  await settle();
  assert.deepEqual(codes, ['WASM_PANIC']);
  assert.deepEqual([fake.resets, fake.Client.all.length], [1, 4]);
});

test('a read that waits for the module waits for the next one', async () => {
  const { client, engine, fake } = await opened();
  const notes = client.documents('notes');
  engine.host.panicked('x');
  assert.equal(client.status.current.phase, 'opening');
  const reading = notes.get('a');
  assert.equal(notes.peek('a'), undefined);
  await settle();
  assert.equal(await reading, undefined);
  assert.equal(fake.Client.last.calls.filter(([call]) => call === 'load').length, 1);
});

test('a read after a panic gives what is stored, and not what was only in memory', async () => {
  const { client, engine, fake } = await opened();
  const notes = client.documents('notes');
  notes.put('a', { n: 2 });
  assert.equal(notes.peek('a').n, 2);
  const { open } = fake.Client;
  fake.Client.open = function (...call) {
    const next = open.apply(this, call);
    next.documents.set('notes/a', '{"n":1}');
    next.loaded = new Set();
    return next;
  };
  engine.host.panicked('x');
  assert.deepEqual(await notes.get('a'), { n: 1 });
});

test('after three times it is over, and says so', async () => {
  const { client, fake, open, SyncError } = await opened();
  const notes = client.documents('notes');
  let completed = false;
  notes.watch('a').subscribe({ complete: () => (completed = true) });
  for (let time = 1; time <= 4; time += 1) {
    assert.equal(client.status.current.phase, 'idle', `time ${time}`);
    fake.Client.last.host.panicked(`time ${time}`);
    await settle();
  }
  assert.equal(fake.resets, 3);
  const { phase, error } = client.status.current;
  assert.deepEqual([phase, error.code, error instanceof SyncError], ['dead', 'WASM_PANIC', true]);
  assert.ok(completed);
  assert.throws(() => notes.put('a', {}), { code: 'WASM_PANIC' });
  await assert.rejects(notes.get('a'), { code: 'WASM_PANIC' });
  await assert.rejects(open({ name: 'again' }), { code: 'WASM_PANIC' });
  await client.close();
});

test('a panic while it closes: what comes in its place is closed', async () => {
  const { client, engine, fake } = await opened();
  engine.close = () => engine.trap();
  await client.close();
  assert.equal(fake.resets, 1);
  assert.ok(fake.Client.last.freed && !engine.freed);
  assert.equal(client.status.current.phase, 'closed');
});

test('a module that cannot be started again is dead', async () => {
  const { client, engine, fake } = await opened();
  fake.faults.reset = new RangeError('out of memory');
  engine.host.panicked('x');
  await settle();
  assert.equal(client.status.current.phase, 'dead');
  assert.throws(() => client.documents('notes').put('a', {}), { code: 'WASM_PANIC' });
});
