// Opening, writing, asking and closing, against a stand-in that follows the module's contract.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle, stage } from './stage.mjs';

test('importing runs nothing', async () => {
  const before = Object.getOwnPropertyNames(globalThis);
  const { fake } = await stage();
  assert.equal(fake.loads, 0);
  assert.equal(fake.Client.all.length, 0);
  assert.deepEqual(Object.getOwnPropertyNames(globalThis), before);
});

test('the module is loaded once, and again after a failure', async () => {
  const { facade, fake } = await stage();
  fake.faults.load = new Error('failed to fetch Wasm: 404');
  await assert.rejects(facade.init(), { code: 'WASM_LOAD', retryable: true });
  fake.faults.load = new WebAssembly.CompileError("Refused to compile: 'unsafe-eval' is not allowed by the Content Security Policy");
  await assert.rejects(facade.open({ name: 'a' }), { code: 'CSP_BLOCKED', name: 'SyncError' });
  fake.faults.load = null;
  await Promise.all([facade.init(), facade.init(), facade.open({ name: 'a' })]);
  assert.equal(fake.loads, 3);
});

test('options reach the module, and none is taken that nothing reads', async () => {
  const { engine, client } = await opened({
    scope: 'user',
    transport: { url: 'http://server/sync' },
    storage: { durability: 'relaxed', mirror: 'await', memoryBytesMax: 1_000_000 },
    collections: { votes: { coalesce: false, version: 0 }, notes: {}, lists: { coalesce: true, version: 2 }, ['__proto__']: { version: 3 } },
    poll: { baseMs: 1000 },
    batch: { itemsMax: 5 },
  });
  assert.deepEqual(engine.options, {
    name: 'app',
    scope: 'user',
    url: 'http://server/sync',
    // Node has no files of an origin.
    config: { transport: 'protocol', uncoalesced: ['votes'], versions: { lists: 2, ['__proto__']: 3 }, crossOrigin: true, witnessed: true, mirrorAwaited: true, strict: false, memoryBytesMax: 1_000_000, pollBaseMs: 1000, batchItemsMax: 5 },
  });
  assert.equal(client.clientId, 'client-1');
  const { facade } = await stage();
  for (const options of [
    undefined,
    {},
    { name: '' },
    { name: 'a', scope: 7 },
    { name: 'a', auth: 'token' },
    { name: 'a', guardUnload: 'yes' },
    { name: 'a', transport: {} },
    { name: 'a', transport: { url: 'http://' } },
    { name: 'a', transport: { url: 'http://server/?tenant=1' } },
    { name: 'a', transport: { url: '/relative/without/a/page' } },
    { name: 'a', transport: { push() {} } },
    { name: 'a', transport: { push() {}, pull() {}, level: 'D' } },
    { name: 'a', transport: { push() {}, pull() {}, accepts: ['delete'] } },
    { name: 'a', transport: { push() {}, pull() {}, accepts: ['put', 'replace'] } },
    { name: 'a', transport: { push() {}, pull() {}, accepts: 'put' } },
    { name: 'a', transport: { url: 'http://server/', push() {}, pull() {} } },
    { name: 'a', collections: { votes: { coalesce: 0 } } },
    { name: 'a', collections: { votes: { coalesced: false } } },
    { name: 'a', collections: { votes: { version: -1 } } },
    { name: 'a', collections: { votes: { version: '2' } } },
    { name: 'a', collections: { votes: { version: 2, migrate: true } } },
    { name: 'a', storage: { durabilty: 'strict' } },
    { name: 'a', poll: { every: 5 } },
    { name: 'a', batch: { items: 5 } },
    { name: 'a', storage: { durability: 'eternal' } },
    { name: 'a', storage: { mirror: 'always' } },
    { name: 'a', poll: { baseMs: -1 } },
    { name: 'a', poll: { maxMs: Infinity } },
    { name: 'a', batch: { windowMs: '5' } },
    { name: 'a', batch: { itemsMax: () => 5 } },
    { name: 'a', batch: { bytesMax: 1.5 } },
  ]) {
    await assert.rejects(facade.open(options), { code: 'VALIDATION' }, JSON.stringify(options));
  }
});

test('what the module refuses at open is a typed error', async () => {
  const { facade, fake } = await stage();
  fake.faults.open = { code: 'VALIDATION', message: 'pollBaseMs: not a number' };
  await assert.rejects(facade.open({ name: 'a' }), { code: 'VALIDATION', message: 'pollBaseMs: not a number' });
  fake.faults.open = null;
  const opening = facade.open({ name: 'a' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(await opening);
});

test('a store that cannot be opened rejects open', async () => {
  const { facade, fake } = await stage();
  const { tell } = fake.Client.prototype;
  fake.Client.prototype.tell = function (notice) {
    if (notice.notice === 'opened') tell.call(this, { notice: 'openFailed', error: { code: 'VERSION_TOO_NEW', message: 'made by a later build' } });
    else tell.call(this, notice);
  };
  await assert.rejects(facade.open({ name: 'a' }), { code: 'VERSION_TOO_NEW', retryable: false, hint: /later version/ });
});

test('opening can be given up', async () => {
  const { facade, fake } = await stage();
  await assert.rejects(facade.open({ name: 'a', signal: AbortSignal.abort('why') }), { code: 'ABORTED', cause: 'why' });
  assert.equal(fake.loads, 0);
  const controller = new AbortController();
  const { open } = fake.Client;
  fake.Client.open = (...call) => {
    controller.abort();
    return open(...call);
  };
  await assert.rejects(facade.open({ name: 'a', signal: controller.signal }), { code: 'ABORTED' });
  await settle();
  assert.deepEqual(fake.Client.all.map(({ freed }) => freed), [true]);
});

test('a write has an id at once, is durable when it is stored, and settles when it has ended', async () => {
  const { client, engine } = await opened();
  const write = client.documents('notes').put('a', { text: 'x' });
  assert.equal(write.id, 'm1');
  assert.deepEqual(engine.calls.at(-1), ['put', 'notes', 'a', '{"text":"x"}']);
  engine.tell({ notice: 'durable', mutations: ['m1', 'of another run'], durability: 'relaxed' });
  assert.equal(await write.durable, 'relaxed');
  engine.tell({ notice: 'settled', mutation: 'm1', ending: { ending: 'applied', version: 'g.1' } });
  assert.deepEqual(await write.settled, { ending: 'applied', version: 'g.1' });
});

test('what is told of a write before its call has returned is not lost', async () => {
  const { client, engine } = await opened();
  engine.next = ([call]) => {
    if (call !== 'put') return;
    engine.tell({ notice: 'durable', mutations: ['m1'], durability: 'memory' });
    engine.tell({ notice: 'settled', mutation: 'm1', ending: { ending: 'rejected', error: { code: 'REJECTED', message: 'no', status: 422 } } });
  };
  const { durable, settled } = client.documents('notes').put('a', {});
  assert.equal(await durable, 'memory');
  const { ending, error } = await settled;
  assert.deepEqual([ending, error.code, error.message, error.status, error.retryable], ['rejected', 'REJECTED', 'no', 422, false]);
});

test('a write that cannot be stored rejects durable, and a page that does not listen lives on', async () => {
  const { client, engine, SyncError } = await opened();
  const unhandled = [];
  const hear = (reason) => unhandled.push(reason);
  process.on('unhandledRejection', hear);
  const write = client.documents('notes').put('a', {});
  engine.tell({ notice: 'settled', mutation: 'm1', ending: { ending: 'unknown', error: { code: 'FENCED', message: 'another tab' } } });
  await settle();
  process.off('unhandledRejection', hear);
  assert.deepEqual(unhandled, []);
  await assert.rejects(write.durable, (error) => error instanceof SyncError && error.code === 'FENCED');
  assert.equal((await write.settled).ending, 'unknown');
});

test('many writes of one call are durable as the weakest of them and settle together', async () => {
  const { client, engine } = await opened();
  const writes = client.documents('notes').putAll(new Map([['a', { n: 1 }], ['b', { n: 2 }]]));
  assert.deepEqual(writes.ids, ['m1', 'm2']);
  engine.tell({ notice: 'durable', mutations: ['m1'], durability: 'strict' });
  engine.tell({ notice: 'durable', mutations: ['m2'], durability: 'relaxed' });
  assert.equal(await writes.durable, 'relaxed');
  engine.tell({ notice: 'settled', mutation: 'm2', ending: { ending: 'merged', by: 'm3' } });
  engine.tell({ notice: 'settled', mutation: 'm1', ending: { ending: 'applied' } });
  assert.deepEqual(await writes.settled, [{ ending: 'applied' }, { ending: 'merged', by: 'm3' }]);
  const none = client.documents('notes').putAll([]);
  assert.deepEqual([await none.durable, await none.settled], ['strict', []]);
});

test('putAll checks everything before it makes anything', async () => {
  const { client, engine } = await opened();
  const calls = engine.calls.length;
  const notes = client.documents('notes');
  assert.throws(() => notes.putAll([['a', {}], ['b', undefined]]), { code: 'INVALID_DOCUMENT' });
  assert.throws(() => notes.putAll([['a', {}], ['', {}]]), { code: 'VALIDATION' });
  assert.equal(engine.calls.length, calls);
});

test('d5: what cannot be stored as it is, is refused by name', async () => {
  const { client, engine } = await opened();
  const notes = client.documents('notes');
  const cyclic = {};
  cyclic.self = cyclic;
  const calls = engine.calls.length;
  for (const value of [undefined, () => {}, Symbol('s'), cyclic, { n: 1n }]) {
    assert.throws(() => notes.put('a', value), { code: 'INVALID_DOCUMENT' });
  }
  for (const key of ['', '\ud800', 'a\udc00', 'x'.repeat(1025), '€'.repeat(342), 7, undefined]) {
    assert.throws(() => notes.put(key, {}), { code: 'VALIDATION' });
    assert.throws(() => notes.watch(key), { code: 'VALIDATION' });
    await assert.rejects(notes.get(key), { code: 'VALIDATION' });
  }
  assert.throws(() => client.documents('\udc00'), { code: 'VALIDATION' });
  for (const splice of [['/t', 0, 0, '\ud83d'], ['/t', -1, 0, ''], ['/t', 0.5, 0, ''], ['/t', 0, NaN, ''], [7, 0, 0, ''], ['/t', 0, 0]]) {
    assert.throws(() => notes.splice('a', ...splice), { code: 'VALIDATION' });
  }
  for (const by of [0.5, NaN, 2 ** 53, '1', 1n, undefined]) assert.throws(() => notes.increment('a', '/n', by), { code: 'VALIDATION' });
  for (const items of [7, null, undefined, { length: 0 }]) assert.throws(() => notes.append('a', '/l', items), { code: 'VALIDATION' });
  assert.throws(() => notes.increment('a', '/\ud83d', 1), { code: 'VALIDATION' });
  assert.throws(() => notes.append('a', 7, []), { code: 'VALIDATION' });
  assert.throws(() => notes.append('a', '/l', [cyclic]), { code: 'INVALID_DOCUMENT' });
  for (const patch of [null, [1], 'text', 7]) assert.throws(() => notes.update('a', patch), { code: 'VALIDATION' });
  assert.equal(engine.calls.length, calls);
  notes.put('\ud83d\ude00', {});
  notes.put('€'.repeat(341), {});
  notes.splice('a', '/t', 0, 2, '\ud83d\ude00');
});

test('what grows in place crosses as it is', async () => {
  const { client, engine } = await opened();
  const notes = client.documents('notes');
  assert.equal(notes.increment('a', '/n', -2).id, 'm1');
  assert.deepEqual(engine.calls.at(-1), ['increment', 'notes', 'a', '{"path":"/n","by":-2}']);
  notes.append('a', '/l', [1, { x: undefined }]);
  assert.deepEqual(engine.calls.at(-1), ['append', 'notes', 'a', '{"path":"/l","items":[1,{}]}']);
  notes.append('a', '/t', '\ud83d\ude00');
  assert.deepEqual(engine.calls.at(-1), ['append', 'notes', 'a', '{"path":"/t","items":"\ud83d\ude00"}']);
});

test('d4: what JSON.stringify makes of a value is what is stored', async () => {
  const { client } = await opened();
  const notes = client.documents('notes');
  notes.put('a', { zero: -0, nan: NaN, date: new Date(0), left: undefined, big: 2 ** 53 + 2, __proto__: null, list: [undefined] });
  assert.deepEqual(notes.peek('a'), { zero: 0, nan: null, date: '1970-01-01T00:00:00.000Z', big: 9007199254740994, list: [null] });
});

test('an update is a merge patch, or exactly what a draft function changed', async () => {
  const { client, engine } = await opened();
  const notes = client.documents('notes');
  notes.update('a', { title: 'x', gone: null, deep: { n: 1 } });
  assert.deepEqual(engine.calls.at(-1), ['merge', 'notes', 'a', '{"title":"x","gone":null,"deep":{"n":1}}']);
  notes.put('b', { big: 1, list: [1], gone: 1 });
  engine.documents.set('notes/b', '{"big":9007199254740993,"list":[1],"gone":1}');
  notes.update('b', (draft) => {
    draft.list.push(2);
    draft.none = null;
    draft.left = undefined;
    delete draft.gone;
  });
  assert.deepEqual(JSON.parse(engine.calls.at(-1)[3]), { set: { '/list': [1, 2], '/none': null }, remove: ['/gone'] });
  notes.update('absent', (draft) => {
    draft.made = true;
  });
  assert.deepEqual(JSON.parse(engine.calls.at(-1)[3]), { set: { '/made': true }, remove: [] });
});

test('a draft function that cannot be carried out changes nothing', async () => {
  const { client, engine } = await opened();
  const notes = client.documents('notes');
  engine.loaded = new Set();
  assert.throws(() => notes.update('far', () => {}), { code: 'NOT_LOADED', retryable: true, hint: /get/ });
  await notes.get('far');
  const mine = new Error('mine');
  assert.throws(() => notes.update('far', () => { throw mine; }), mine);
  assert.throws(() => notes.update('far', async () => {}), { code: 'VALIDATION' });
  assert.throws(() => notes.update('far', (draft) => { draft.self = draft; }), { code: 'INVALID_DOCUMENT' });
  assert.deepEqual(engine.calls.filter(([call]) => call === 'patch'), []);
});

test('what the module throws on purpose is an error with a code, and the module goes on', async () => {
  const { client, engine, fake, SyncError } = await opened();
  engine.next = ([call]) => {
    if (call === 'put') throw { code: 'QUEUE_FULL', message: 'the outbox is full' };
  };
  assert.throws(() => client.documents('notes').put('a', {}), (error) => {
    assert.ok(error instanceof SyncError && error instanceof Error);
    assert.deepEqual([error.code, error.retryable, error.name], ['QUEUE_FULL', true, 'SyncError']);
    assert.equal(typeof error.hint, 'string');
    return true;
  });
  await settle();
  assert.equal(fake.resets, 0);
});

test('a read loads what is not in memory and says so when it cannot', async () => {
  const { client, engine } = await opened();
  engine.loaded = new Set();
  engine.documents.set('notes/a', '{"n":1}');
  const notes = client.documents('notes');
  assert.equal(notes.peek('a'), undefined);
  assert.deepEqual(await notes.get('a'), { n: 1 });
  assert.equal(await notes.get('none'), undefined);
  engine.load = () => {
    queueMicrotask(() => engine.answer(99, { code: 'STORAGE_UNAVAILABLE', message: 'closed' }));
    return 99;
  };
  await assert.rejects(notes.get('b'), { code: 'STORAGE_UNAVAILABLE' });
});

test('a pull ends as the engine says, or when its caller gives up', async () => {
  const { client, engine } = await opened();
  const good = client.pull();
  await settle();
  engine.answer(1);
  assert.equal(await good, undefined);
  const bad = client.pull();
  await settle();
  engine.answer(2, { code: 'HTTP', message: 'no', status: 404 });
  await assert.rejects(bad, { code: 'HTTP', status: 404, retryable: false });
  const controller = new AbortController();
  const dull = client.pull({ signal: controller.signal });
  controller.abort();
  await assert.rejects(dull, { code: 'ABORTED' });
});

test('the status is frozen, stable and told', async () => {
  const { client, engine, fake } = await opened();
  const phases = [];
  client.status.subscribe(({ phase }) => phases.push(phase));
  assert.equal(client.status.current, client.status.current);
  engine.tell({ notice: 'status', ...fake.status({ phase: 'waiting', retryAt: 5, error: { code: 'HTTP', message: 'no', status: 500 } }) });
  const { phase, retryAt, storage, error, lastPushAt, notice } = client.status.current;
  assert.deepEqual([phase, retryAt, storage, lastPushAt, notice], ['waiting', 5, { kind: 'indexeddb', mirror: 'off', persistent: false, usage: null, quota: null }, null, undefined]);
  assert.deepEqual([error.code, error.status], ['HTTP', 500]);
  assert.ok(Object.isFrozen(client.status.current));
  assert.deepEqual(phases, ['idle', 'waiting']);
});

test('errors that belong to no call are told, or go to the console', async (context) => {
  const { client, engine } = await opened();
  const warned = context.mock.method(console, 'warn', () => {});
  const trouble = { notice: 'troubled', error: { code: 'STORAGE_CORRUPT', message: 'one record' } };
  engine.tell(trouble);
  await settle();
  assert.equal(warned.mock.callCount(), 1);
  const codes = [];
  const stop = client.on('error', ({ code }) => codes.push(code));
  engine.tell(trouble);
  await settle();
  stop();
  assert.deepEqual(codes, ['STORAGE_CORRUPT']);
  assert.equal(warned.mock.callCount(), 1);
  assert.throws(() => client.on('party', () => {}), { code: 'VALIDATION' });
});

const reset = { notice: 'reset', recovered: 2, lost: null };

test('s5: that the store was lost is told to all who listen first, and once', async (t) => {
  const warned = t.mock.method(console, 'warn', () => {});
  const { client, engine } = await opened();
  engine.tell(reset);
  await settle();
  const told = [];
  client.on('storage', (report) => told.push(report));
  client.on('storage', (report) => told.push(report));
  await settle();
  client.on('storage', (report) => told.push(report));
  const report = { reset: true, recovered: 2, lost: null };
  assert.deepEqual(told, [report, report]);
  engine.tell({ ...reset, recovered: 0, lost: 0 });
  await settle();
  assert.deepEqual(told.slice(2), Array(3).fill({ reset: true, recovered: 0, lost: 0 }));
  client.on('storage', (report) => told.push(report));
  assert.equal(told.length, 5, 'those who were there have heard it');
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  assert.equal(warned.mock.callCount(), 0);
});

test('s5: a lost store of which nobody wants to hear goes to the console', async (t) => {
  const warned = t.mock.method(console, 'warn', () => {});
  const { engine } = await opened();
  engine.tell(reset);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  assert.deepEqual(warned.mock.calls.map(({ arguments: [{ code }] }) => code), ['STORAGE_LOST']);
});

test('closing ends everything, once', async () => {
  const { client, engine } = await opened();
  const notes = client.documents('notes');
  const write = notes.put('a', { n: 1 });
  const ended = [];
  notes.watch('a').subscribe({ complete: () => ended.push('a') });
  client.status.subscribe({ next: ({ phase }) => ended.push(phase), complete: () => ended.push('status') });
  await Promise.all([client.close(), client.close()]);
  assert.ok(engine.freed);
  assert.equal(engine.calls.filter(([call]) => call === 'close').length, 1);
  assert.deepEqual(ended, ['idle', 'closed', 'a', 'status']);
  assert.throws(() => notes.put('a', {}), { code: 'CLOSED' });
  await assert.rejects(notes.get('a'), { code: 'CLOSED' });
  await assert.rejects(client.pull(), { code: 'CLOSED' });
  assert.deepEqual(notes.peek('a'), { n: 1 });
  await assert.rejects(write.durable, { code: 'CLOSED' });
  assert.deepEqual((await write.settled).error.code, 'CLOSED');
  let late = 0;
  notes.watch('b').subscribe({ next: () => (late += 1), complete: () => (late += 10) });
  assert.equal(late, 10);
  if (Symbol.asyncDispose) await client[Symbol.asyncDispose]();
});

test("an app's own functions get entries and give outcomes", async () => {
  const seen = [];
  const transport = {
    answer: [{ id: '1', outcome: 'ok' }],
    async push(entries, context) {
      seen.push(entries, context);
      return this.answer;
    },
    async pull(cursor, context) {
      seen.push(cursor, context);
      return { changes: [], cursor: '1', more: false };
    },
  };
  const { engine } = await opened({ transport });
  assert.deepEqual([engine.options.url, engine.options.config], ['', { transport: 'functions', groups: false, level: 'C', accepts: ['put', 'delete'], crossOrigin: false, witnessed: true }]);
  const { push, pull, ping } = engine.host;
  assert.equal(await push('[{"id":"1","operations":[]}]', { attempt: 2 }), '{"outcomes":[{"id":"1","outcome":"ok"}]}');
  transport.answer = { outcome: 'auth' };
  assert.equal(await push('[]', {}), '{"outcome":"auth"}');
  assert.equal(await pull({ cursor: undefined, feed: 'main', limit: 10 }), '{"changes":[],"cursor":"1","more":false}');
  const auth = null;
  assert.deepEqual(seen, [[{ id: '1', operations: [] }], { attempt: 2, auth }, [], { auth }, null, { feed: 'main', limit: 10, auth }]);
  assert.equal(await ping({ attempt: 0 }), undefined);
  assert.deepEqual(seen.slice(6), [null, { attempt: 0, auth, feed: 'main', limit: 1 }], 'without a ping of its own, one change is pulled');
  const own = await opened({ transport: { ...transport, ping: (context) => seen.push(context) } });
  await own.engine.host.ping({ attempt: 1 });
  assert.deepEqual(seen.slice(8), [{ attempt: 1, auth }]);
});

test('what a backend is capable of is passed on, and a URL is taken to speak the protocol', async () => {
  const own = { push() {}, pull() {}, level: 'B', accepts: ['put', 'patch'], groups: true };
  const { level, accepts, groups } = (await opened({ transport: own })).engine.options.config;
  assert.deepEqual([level, accepts, groups], ['B', ['put', 'patch'], true]);
  const served = (await opened({ transport: { url: 'http://server/' } })).engine.options.config;
  assert.deepEqual([served.level, served.accepts, served.groups], [undefined, undefined, undefined]);
});

test('headers are asked anew for each request, in every form', async () => {
  let token = 0;
  const { engine } = await opened({ transport: { url: 'http://server/', headers: async () => [['Authorization', `Bearer ${(token += 1)}`]] } });
  assert.deepEqual(await engine.host.headers(), [['Authorization', 'Bearer 1']]);
  assert.deepEqual(await engine.host.headers(), [['Authorization', 'Bearer 2']]);
  const fixed = await opened({ transport: { url: 'http://server/', headers: { a: 'b' }, fetch: async (url) => url } });
  assert.deepEqual(await fixed.engine.host.headers(), { a: 'b' });
  assert.equal(await fixed.engine.host.fetch('x'), 'x');
});

test('no headers and no fetch of its own is what an app may say in any way', async () => {
  for (const none of [null, undefined, false, '']) {
    const { engine } = await opened({ transport: { url: 'http://server/', headers: none, fetch: none } });
    assert.equal(await engine.host.headers(), undefined);
    const { fetch } = globalThis;
    try {
      globalThis.fetch = async (...asked) => asked;
      assert.deepEqual(await engine.host.fetch('x', {}), ['x', {}], 'the one that is there at the time');
    } finally {
      globalThis.fetch = fetch;
    }
  }
});
