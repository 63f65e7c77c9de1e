// The package as an app uses it, in a real browser against the real server.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { documentsOf, startServer } from './support/server.mjs';

const server = await startServer({ flags: ['--reject-marked'] });
const browser = await launch();
const pages = new Map();

/** A page with a profile of its own, unless it shares that of another page. */
async function visit({ beside, before, context: options } = {}) {
  const context = beside?.context() ?? (await browser.newContext(options));
  const page = await context.newPage();
  pages.set(page, observe(page));
  if (before) await page.addInitScript(before);
  await page.goto(server.url);
  return page;
}

/** Opens a client of this name in the page, as `window.client`. Names are different in each test, and so are scopes. */
const start = (page, name, options = {}) =>
  page.evaluate(
    async ([name, options]) => {
      const { open } = await import('/pkg/index.js');
      window.client = await open({ name, scope: name, transport: { url: '/sync/' }, poll: { baseMs: 300, maxMs: 300 }, ...options });
      window.notes = window.client.documents('notes');
    },
    [name, options],
  );

const onServer = async (page) => documentsOf(server.url, pages.get(page).scope);
const status = (page) => page.evaluate(() => ({ ...window.client.status.current, error: window.client.status.current.error?.code ?? null }));

await test('importing runs nothing: neither the module nor the server is asked for anything', async () => {
  const page = await visit();
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const names = await page.evaluate(async () => {
    const before = Object.getOwnPropertyNames(window).length;
    const exported = Object.keys(await import('/pkg/index.js'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    return { exported, added: Object.getOwnPropertyNames(window).length - before, databases: (await indexedDB.databases()).length };
  });
  assert.deepEqual(names, { exported: ['SyncError', 'destroy', 'init', 'list', 'mergeTexts', 'open'], added: 0, databases: 0 });
  assert.ok(asked.length > 0 && asked.every((path) => /^\/pkg\/\w+\.js$/.test(path)), asked.join());
});

await test('n16 n19: what the browser keeps from the server is no refusal: it waits, and goes when it may', async () => {
  const elsewhere = await startServer();
  // The page's own policy would keep it from other origins.
  const page = await visit({ context: { bypassCSP: true } });
  const origin = new URL(server.url).origin;
  for (const [name, keep, letThrough] of [
    // The server of another origin lets nobody in, and then does.
    ['n16', async () => elsewhere.url, () => elsewhere.restart(['--allow-origin', origin])],
    ['n19', (page) => page.route('**/sync/**', (route) => route.abort('blockedbyclient')).then(() => server.url), (page) => page.unroute('**/sync/**')],
  ]) {
    const url = `${await keep(page)}/sync/`;
    await start(page, name, { transport: { url } });
    await page.evaluate(() => (window.write = notes.put('a', { n: 1 })));
    await until('that is seen', async () => (await status(page)).error === 'NETWORK');
    const { inbox, pendingMutations } = await status(page);
    assert.deepEqual([inbox, pendingMutations], [0, 1]);
    await letThrough(page);
    const ending = await page.evaluate(async () => {
      await client.push();
      const { ending } = await write.settled;
      await client.close();
      return ending;
    });
    assert.equal(ending, 'applied', name);
  }
  await page.close();
  await elsewhere.stop();
});

await test('a write is visible in its tick, durable, applied, and on the server as it was given', async () => {
  const page = await visit();
  await start(page, 'write');
  const result = await page.evaluate(async () => {
    const heard = [];
    notes.watch('a').subscribe((value) => heard.push(value));
    const value = { text: 'ü 😀', zero: -0, big: 2 ** 53 + 2, none: null, list: [1, [], {}], '': 1, 'a/b~c': 2 };
    const write = notes.put('a', value);
    const inTick = [heard.length, heard.at(-1), notes.peek('a') === heard.at(-1), Object.isFrozen(heard.at(-1))];
    return { inTick, durable: await write.durable, settled: await write.settled, id: write.id, kind: client.status.current.storage.kind };
  });
  const expected = { text: 'ü 😀', zero: 0, big: 9007199254740994, none: null, list: [1, [], {}], '': 1, 'a/b~c': 2 };
  assert.deepEqual(result.inTick.slice(0, 3), [result.inTick[0], expected, true]);
  assert.equal(result.inTick[3], true);
  assert.equal(result.durable, 'strict');
  assert.equal(result.settled.ending, 'applied');
  assert.match(result.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
  assert.equal(result.kind, 'indexeddb');
  assert.deepEqual((await onServer(page)).get('notes/a'), expected);
});

await test('i21 h3: a refused token is asked for once more, and no token is in what is stored, told or asked for by address', async () => {
  const page = await visit();
  const carried = [];
  const addresses = [];
  await page.route('**/sync/**', (route) => {
    const request = route.request();
    const token = request.headers().authorization ?? null;
    carried.push(token);
    addresses.push(request.url(), request.postData() ?? '');
    if (token === 'Bearer canary-good') return route.continue();
    return route.fulfill({ status: 401, contentType: 'application/json', body: '{"error":{"code":"unauthorized","message":""}}' });
  });
  const told = await page.evaluate(async () => {
    const { open } = await import('/pkg/index.js');
    const reasons = [];
    const tokens = ['canary-old', 'canary-good'];
    const auth = ({ reason }) => (reasons.push(reason), tokens.shift() ?? null);
    window.client = await open({ name: 'tokens', scope: 'tokens', transport: { url: '/sync/' }, auth });
    window.notes = client.documents('notes');
    const { ending } = await notes.put('a', { text: 'x' }).settled;
    const seen = [JSON.stringify(client.status.current), JSON.stringify(localStorage)];
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result)));
      for (const store of database.objectStoreNames) {
        const values = await new Promise((resolve) => (database.transaction(store).objectStore(store).getAll().onsuccess = ({ target }) => resolve(target.result)));
        const bytes = (value) => (ArrayBuffer.isView(value) || value instanceof ArrayBuffer ? new TextDecoder().decode(value) : JSON.stringify(value));
        seen.push(...values.map(bytes));
      }
      database.close();
    }
    return { ending, reasons, seen };
  });
  assert.equal(told.ending, 'applied');
  assert.deepEqual(told.reasons, ['initial', 'unauthorized']);
  assert.ok(carried.length > 2 && carried.every((token) => token?.startsWith('Bearer canary-')), carried.join());
  assert.ok(told.seen.length > 3 && told.seen.join().includes('"text":"x"'), 'the store was looked into');
  assert.ok(![...told.seen, ...addresses].join().includes('canary'));
});

await test('every kind of write arrives as it was meant', async () => {
  const page = await visit();
  await start(page, 'kinds');
  await page.evaluate(async () => {
    const ended = [];
    ended.push(notes.put('text', { text: 'Hello 😀 world', n: 1 }).settled);
    ended.push(notes.splice('text', '/text', 6, 2, '🙂🙃').settled);
    ended.push(notes.update('text', { n: 2, deep: { er: { x: 1, y: 2 } } }).settled);
    ended.push(notes.update('text', { deep: { er: { y: null } } }).settled);
    ended.push(
      notes.update('text', (draft) => {
        draft.none = null;
        draft.list = [1, 2];
        delete draft.n;
      }).settled,
    );
    ended.push(notes.append('text', '/list', [3, [4]]).settled, notes.append('text', '/text', '!').settled);
    ended.push(notes.increment('text', '/deep/er/x', 41).settled);
    ended.push(notes.put('gone', { here: true }).settled, notes.delete('gone').settled);
    ended.push(notes.putAll(Array.from({ length: 250 }, (_, index) => [`k${index}`, { index }])).settled);
    ended.push(notes.update('made', { by: 'a patch' }).settled);
    const all = (await Promise.all(ended)).flat();
    if (all.some(({ ending }) => ending !== 'applied')) throw new Error(JSON.stringify(all));
  });
  const documents = await onServer(page);
  assert.deepEqual(documents.get('notes/text'), { text: 'Hello 🙂🙃 world!', deep: { er: { x: 42 } }, none: null, list: [1, 2, 3, [4]] });
  assert.equal(documents.has('notes/gone'), false);
  assert.deepEqual(documents.get('notes/made'), { by: 'a patch' });
  for (let index = 0; index < 250; index += 1) assert.deepEqual(documents.get(`notes/k${index}`), { index });
  assert.deepEqual(await page.evaluate(() => notes.get('text')), documents.get('notes/text'));
});

await test('i6: what was durable is there after a reload, and is sent when it can be', async () => {
  const page = await visit();
  await page.route('**/sync/**', (route) => route.abort());
  await start(page, 'reload');
  await page.evaluate(async () => {
    await notes.put('a', { text: 'one' }).durable;
    await notes.splice('a', '/text', 3, 0, ' two').durable;
  });
  await page.reload();
  await start(page, 'reload');
  assert.deepEqual(await page.evaluate(() => notes.get('a')), { text: 'one two' });
  assert.equal((await status(page)).pendingMutations, 2);
  await page.unroute('**/sync/**');
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await until('it is sent', async () => (await status(page)).pendingMutations === 0);
  assert.deepEqual((await onServer(page)).get('notes/a'), { text: 'one two' });
  await page.reload();
  await start(page, 'reload');
  assert.deepEqual(await page.evaluate(() => notes.get('a')), { text: 'one two' });
});

await test('i26: several documents are written whole or not at all, and what comes after them waits', async () => {
  const page = await visit();
  await start(page, 'group');
  const told = await page.evaluate(async () => {
    const { client, notes } = window;
    const good = client.mutate((transaction) => {
      transaction.put('notes', 'a', { n: 1 });
      transaction.put('notes', 'b', { n: transaction.get('notes', 'a').n + 1 });
    });
    const { ending } = await good.settled;
    const bad = client.mutate((transaction) => {
      transaction.patch('notes', 'a', { n: 5 });
      transaction.put('notes', 'c', { reject: true });
    });
    const after = client.mutate((transaction) => transaction.put('notes', 'd', {}), { after: [bad.id] });
    const seen = notes.peek('a').n;
    const endings = [ending, (await bad.settled).ending, (await after.settled).ending];
    return { endings, seen, now: ['a', 'b', 'c', 'd'].map((key) => notes.peek(key) ?? null), back: await bad.rollback() };
  });
  assert.deepEqual(told.endings, ['applied', 'rejected', 'rejected']);
  assert.deepEqual([told.seen, told.now, told.back], [5, [{ n: 1 }, { n: 2 }, null, null], true]);
  assert.deepEqual(Object.fromEntries(await onServer(page)), { 'notes/a': { n: 1 }, 'notes/b': { n: 2 } });
});

await test('i8: a refused write is taken back exactly, and what was written around it stays', async () => {
  const page = await visit();
  await start(page, 'refused');
  const result = await page.evaluate(async () => {
    const heard = [];
    await notes.put('a', { n: 1, deep: { kept: true } }).settled;
    notes.watch('a').subscribe((value) => heard.push(JSON.stringify(value)));
    const bad = notes.update('a', { reject: true, n: 2 });
    const shown = JSON.stringify(notes.peek('a'));
    const good = notes.put('b', { fine: true });
    const [{ ending, error }, other] = await Promise.all([bad.settled, good.settled]);
    return { heard, shown, ending, code: error?.code, hint: typeof error?.hint, other: other.ending, now: JSON.stringify(await notes.get('a')) };
  });
  assert.equal(result.shown, '{"n":2,"deep":{"kept":true},"reject":true}');
  assert.deepEqual([result.ending, result.code, result.hint, result.other], ['rejected', 'REJECTED', 'string', 'applied']);
  assert.equal(result.now, '{"n":1,"deep":{"kept":true}}');
  assert.deepEqual(result.heard, [result.now, result.shown, result.now]);
  assert.equal((await status(page)).inbox, 1);
  assert.deepEqual((await onServer(page)).get('notes/a'), { n: 1, deep: { kept: true } });
});

await test('what one client writes, another one hears', async () => {
  const [here, there] = [await visit(), await visit()];
  await start(here, 'shared');
  await start(there, 'shared');
  await there.evaluate(() => {
    window.heard = [];
    notes.watch('a').subscribe((value) => window.heard.push(value?.n));
  });
  await here.evaluate(() => notes.put('a', { n: 7 }).settled);
  await until('it is heard', () => there.evaluate(() => window.heard.at(-1) === 7));
  await there.evaluate(() => notes.delete('a').settled);
  await until('so is its end', () => here.evaluate(async () => (await notes.get('a')) === undefined));
});

await test('an observer that makes itself write again and again gets an error, and everything else goes on', async () => {
  const page = await visit();
  await start(page, 'for-ever');
  const { writes, code, others, end } = await page.evaluate(async () => {
    const told = { writes: 0, code: null };
    const subscription = notes.watch('loop').subscribe(() => {
      if (told.code !== null) return;
      try {
        notes.put('loop', { n: told.writes });
        told.writes += 1;
      } catch (error) {
        told.code = error.code ?? error.name;
      }
    });
    notes.put('loop', { n: -1 });
    subscription();
    const others = (await notes.put('other', { n: 1 }).settled).ending;
    return { ...told, others, end: (await notes.put('loop', { n: 'end' }).settled).ending };
  });
  assert.deepEqual([code, others, end], ['VALIDATION', 'applied', 'applied']);
  assert.ok(writes >= 90, `${writes} writes inside each other are fine`);
  assert.deepEqual((await onServer(page)).get('notes/loop'), { n: 'end' });
  assert.equal((await status(page)).error, null);
});

await test('bad calls throw an error with a code and change nothing', async () => {
  const page = await visit();
  await start(page, 'bad-calls');
  const codes = await page.evaluate(async () => {
    const deep = (levels) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    const calls = {
      undefined: () => notes.put('a', undefined),
      cyclic: () => {
        const value = {};
        value.value = value;
        notes.put('a', value);
      },
      bigint: () => notes.put('a', { n: 1n }),
      surrogate: () => notes.put('a', { text: '\ud800' }),
      surrogateName: () => notes.put('a', { '\udc00': 1 }),
      surrogateKey: () => notes.put('\ud800', {}),
      deep: () => notes.put('a', { deep: deep(100) }),
      veryDeep: () => notes.put('a', { deep: deep(2_000) }),
      longKey: () => notes.put('x'.repeat(1_025), {}),
      large: () => notes.put('a', { text: 'x'.repeat(9_000_000) }),
      splitPair: () => notes.splice('ok', '/text', 1, 0, 'x'),
      outside: () => notes.splice('ok', '/text', 9, 0, 'x'),
      noText: () => notes.splice('ok', '/none', 0, 0, 'x'),
      noPointer: () => notes.splice('ok', 'text', 0, 0, 'x'),
      oneBad: () => notes.putAll([['b', {}], ['c', { text: '\udfff' }]]),
    };
    const ok = JSON.parse('{"text":"😀","__proto__":{"polluted":1}}');
    await notes.put('ok', ok).settled;
    const found = {};
    for (const [name, call] of Object.entries(calls)) {
      try {
        call();
        found[name] = 'nothing';
      } catch (error) {
        found[name] = error.name === 'SyncError' ? error.code : String(error);
      }
    }
    found.prototype = String(Object.getPrototypeOf(notes.peek('ok')) === Object.prototype && {}.polluted === undefined);
    found.own = JSON.stringify(notes.peek('ok'));
    found.pending = String(client.status.current.pendingMutations);
    found.absent = String((await notes.get('b')) === undefined && (await notes.get('a')) === undefined);
    return found;
  });
  assert.deepEqual(codes, {
    undefined: 'INVALID_DOCUMENT',
    cyclic: 'INVALID_DOCUMENT',
    bigint: 'INVALID_DOCUMENT',
    surrogate: 'INVALID_DOCUMENT',
    surrogateName: 'INVALID_DOCUMENT',
    surrogateKey: 'VALIDATION',
    deep: 'INVALID_DOCUMENT',
    veryDeep: 'INVALID_DOCUMENT',
    longKey: 'VALIDATION',
    large: 'TOO_LARGE',
    splitPair: 'VALIDATION',
    outside: 'VALIDATION',
    noText: 'VALIDATION',
    noPointer: 'VALIDATION',
    oneBad: 'INVALID_DOCUMENT',
    prototype: 'true',
    own: '{"text":"😀","__proto__":{"polluted":1}}',
    pending: '0',
    absent: 'true',
  });
});

await test('a second tab works beside the first', async () => {
  const first = await visit();
  await start(first, 'tabs');
  await first.evaluate(() => notes.put('a', { from: 'first' }).settled);
  const second = await visit({ beside: first });
  await start(second, 'tabs');
  assert.deepEqual(await second.evaluate(() => notes.get('a')), { from: 'first' });
  assert.deepEqual([(await status(first)).drainer, (await status(second)).drainer], [true, false]);
  const endings = [first, second].map((page) => page.evaluate(async () => (await notes.put(`at ${client.status.current.drainer}`, {}).settled).ending));
  assert.deepEqual(await Promise.all(endings), ['applied', 'applied']);
  assert.deepEqual([...(await onServer(first)).keys()].sort(), ['notes/a', 'notes/at false', 'notes/at true']);
});

for (const [how, before] of [
  ['missing', () => Object.defineProperty(window, 'indexedDB', { value: undefined })],
  ['forbidden', () => Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError'); } })],
  ['broken', () => { IDBFactory.prototype.open = () => { throw new DOMException('no', 'UnknownError'); }; }],
]) {
  await test(`s9: IndexedDB is ${how}: it works in memory, and says so`, async () => {
    const page = await visit({ before });
    await start(page, `memory-${how}`);
    const write = await page.evaluate(async () => {
      const { durable, settled } = notes.put('a', { n: 1 });
      return [await durable, (await settled).ending];
    });
    assert.deepEqual(write, ['memory', 'applied']);
    const { storage, error } = await status(page);
    assert.deepEqual([storage.kind, error], ['memory', 'STORAGE_UNAVAILABLE']);
    assert.deepEqual((await onServer(page)).get('notes/a'), { n: 1 });
  });
}

await test('closing stores what is staged and lets go of everything', async () => {
  const page = await visit();
  await page.route('**/sync/**', (route) => route.abort());
  await start(page, 'closing');
  const closed = await page.evaluate(async () => {
    const { durable } = notes.put('a', { n: 1 });
    await client.close();
    let code = 'nothing';
    try {
      notes.put('a', {});
    } catch (error) {
      code = error.code;
    }
    return [await durable, client.status.current.phase, code];
  });
  assert.deepEqual(closed, ['strict', 'closed', 'CLOSED']);
  await start(page, 'closing');
  assert.deepEqual(await page.evaluate(() => notes.get('a')), { n: 1 });
});

await test("an app's own functions are enough", async () => {
  const page = await visit();
  const result = await page.evaluate(async () => {
    const { open } = await import('/pkg/index.js');
    const stored = new Map();
    const contexts = [];
    const client = await open({
      name: 'functions',
      poll: { baseMs: 200, maxMs: 200 },
      transport: {
        async push(entries, context) {
          contexts.push([context.signal instanceof AbortSignal, context.attempt, typeof context.idempotencyKey]);
          for (const { id, operations } of entries) stored.set(operations[0].key, { value: operations[0].value, id });
          return entries.map(({ id }) => ({ id, outcome: 'ok', version: '1' }));
        },
        async pull(cursor, { limit, feed }) {
          contexts.push([cursor, limit > 0, feed]);
          return { changes: cursor ? [] : [{ collection: 'notes', key: 'theirs', version: '1', value: { n: 2 } }], cursor: 'end', more: false };
        },
      },
    });
    const notes = client.documents('notes');
    const { ending } = await notes.put('mine', { n: 1 }).settled;
    await client.pull();
    return { ending, mine: stored.get('mine').value, theirs: await notes.get('theirs'), push: contexts.find(([first]) => first === true), pull: contexts.find(([first]) => first === null) };
  });
  assert.deepEqual(result, { ending: 'applied', mine: { n: 1 }, theirs: { n: 2 }, push: [true, 0, 'string'], pull: [null, true, 'main'] });
});

await test("a7: it runs under a strict policy, and says which word is missing from one that is stricter", async () => {
  const page = await visit();
  const policy = (await page.goto(server.url)).headers()['content-security-policy'];
  assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'/);
  await page.route(`${server.url}/`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': "default-src 'self'" } });
  });
  await page.goto(server.url);
  const error = await page.evaluate(async () => {
    const { open } = await import('/pkg/index.js');
    return open({ name: 'csp' }).then(() => null, ({ code, hint }) => ({ code, hint }));
  });
  assert.equal(error?.code, 'CSP_BLOCKED');
  assert.match(error.hint, /wasm-unsafe-eval/);
});

await test('l12: a module that cannot be loaded is a typed error, and the next try may succeed', async () => {
  const page = await visit();
  await page.route('**/*.wasm', (route) => route.fulfill({ status: 404, body: 'no' }));
  const first = await page.evaluate(async () => {
    const { open } = await import('/pkg/index.js');
    return open({ name: 'wasm' }).then(() => null, ({ code, retryable }) => ({ code, retryable }));
  });
  assert.deepEqual(first, { code: 'WASM_LOAD', retryable: true });
  await page.unroute('**/*.wasm');
  await start(page, 'wasm');
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual([...pages.values()].flatMap(({ errors }) => errors), []);
});

await browser.close();
await server.stop();
close();
