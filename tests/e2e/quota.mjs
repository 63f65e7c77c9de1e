// A store that is full, in a real browser: what was called durable is in the database, what is not is told, and nothing goes round for
// ever. `node tests/e2e/quota.mjs --runs 200` does that many runs of the first kind, from `--seed N` on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { close, test } from '../package/support/suite.mjs';
import { launch, pageAt, until } from './support/browser.mjs';
import { root } from './support/places.mjs';
import { documentsOf, startServer } from './support/server.mjs';

const given = (name, otherwise) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);
const [RUNS, SEED] = [given('--runs', 6), given('--seed', 1)];

const server = await startServer();
const { origin } = new URL(server.url);
const browser = await launch();
const observed = [];

/** What is in the store is read without the module, as the docs show it. */
const [, READER] = readFileSync(join(root, 'docs/storage.md'), 'utf8').match(/```js\n(export async function queuedWrites[^]*?)```/);

/** A profile of its own with so much room. The browser remembers its first decision: the room is set before anything is written. */
async function profile(quotaSize) {
  const context = await browser.newContext();
  await context.route('**/reader.js', (route) => route.fulfill({ body: READER, contentType: 'text/javascript' }));
  // The room ends with the session that has set it: a page that stays.
  const devtools = await context.newCDPSession(await visit(context));
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
  const lift = () => devtools.send('Storage.overrideQuotaForOrigin', { origin });
  return { context, page: await visit(context), lift };
}

async function visit(context) {
  const page = await pageAt(context, server.url, observed);
  await page.evaluate(async () => {
    window.syncline = await import('/pkg/index.js');
    window.opened = async (options) => {
      window.client = await syncline.open({ name: 'full', scope: 'ann', poll: { baseMs: 60_000, maxMs: 60_000 }, ...options });
      window.notes = client.documents('notes');
    };
    window.queued = async () => {
      const { queuedWrites } = await import('/reader.js');
      const [store] = await syncline.list();
      return { ids: (await queuedWrites(`syncline/${store.name}/${store.scopeHash}`)).map(({ id }) => id), pending: store.pending };
    };
    /** Fills the origin's storage with something else, down to so many bytes at a time. */
    window.fill = async () => {
      const request = indexedDB.open('filler');
      request.onupgradeneeded = () => request.result.createObjectStore('s', { autoIncrement: true });
      window.filler = await new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
      for (let bytes = 65_536; bytes >= 16; ) {
        const transaction = filler.transaction('s', 'readwrite');
        transaction.objectStore('s').add(crypto.getRandomValues(new Uint8Array(bytes)));
        const stored = await new Promise((ended) => Object.assign(transaction, { oncomplete: () => ended(true), onabort: () => ended(false) }));
        if (!stored) bytes /= 2;
      }
    };
  });
  return page;
}

/** Numbers that a seed repeats. */
function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

/** Writes until the store is full, and a little more; what each write was told. */
async function fillByWriting(seed) {
  const draw = random(seed);
  const { context, page, lift } = await profile(12_000 + draw(400_000));
  const plan = Array.from({ length: 60 }, () => ({ bytes: [50, 500, 5_000, 50_000][draw(4)] + draw(5_000), awaited: draw(3) === 0, many: draw(4) === 0 }));
  const strict = draw(2) === 0;
  const told = await page.evaluate(
    async ([plan, durability]) => {
      await opened({ storage: { durability } });
      const told = [];
      let [number, refused] = [0, 0];
      for (const { bytes, awaited, many } of plan) {
        const value = { text: 'x'.repeat(bytes) };
        const documents = Array.from({ length: many ? 5 : 1 }, () => [`k${(number += 1)}`, value]);
        const { ids, durable } = notes.putAll(documents);
        const receipt = durable.then((durability) => ({ ids, durability }), ({ code }) => ({ ids, code }));
        told.push(receipt);
        // Behind the first that is not stored, a few more.
        if (awaited && !['strict', 'relaxed'].includes((await receipt).durability) && (refused += 1) > 3) break;
      }
      const all = await Promise.all(told);
      return { all, status: (({ storage, error }) => ({ kind: storage.kind, code: error?.code ?? null }))(client.status.current) };
    },
    [plan, strict ? 'strict' : 'relaxed'],
  );
  await page.close();
  // Read where there is room again, in a page that knows nothing.
  await lift();
  const other = await visit(context);
  const stored = await other.evaluate(() => queued());
  await context.close();
  return { ...told, stored, strict };
}

const tally = { runs: 0, full: 0, receipts: 0, refusals: 0, false: 0 };

await test(`s1: what was called durable is in the database, what is not was told: ${RUNS} runs at the limit`, async () => {
  for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
    const { all, status, stored, strict } = await fillByWriting(seed);
    const there = new Set(stored.ids);
    const isDurable = ({ durability }) => durability === 'strict' || durability === 'relaxed';
    const untrue = all.filter((receipt) => isDurable(receipt) && !receipt.ids.every((id) => there.has(id)));
    tally.runs += 1;
    tally.receipts += all.filter(isDurable).length;
    tally.refusals += all.filter((receipt) => !isDurable(receipt)).length;
    tally.false += untrue.length;
    assert.deepEqual(untrue, [], `seed ${seed}: false receipts`);
    assert.deepEqual([...new Set(all.filter(isDurable).map(({ durability }) => durability))], all.some(isDurable) ? [strict ? 'strict' : 'relaxed'] : [], `seed ${seed}`);
    assert.equal(stored.pending, stored.ids.length, `seed ${seed}: the module counts what the reader reads`);
    if (all.every(isDurable)) continue;
    tally.full += 1;
    assert.deepEqual(status, { kind: 'memory', code: 'QUOTA_EXCEEDED' }, `seed ${seed}`);
    for (const { durability, code } of all.filter((receipt) => !isDurable(receipt))) assert.ok(durability === 'memory' || code === 'QUOTA_EXCEEDED' || code === 'QUEUE_FULL', `seed ${seed}: ${durability ?? code}`);
  }
  console.log(JSON.stringify(tally));
  assert.ok(tally.full * 4 >= tally.runs * 3, `only ${tally.full} of ${tally.runs} runs came to the limit`);
});

await test('s2: what ended while the store is full is told, and goes out once more at the next start, and no more', async () => {
  const { context, page, lift } = await profile(2_000_000);
  await page.evaluate(() => opened({ transport: { url: '/sync/' } }));
  await page.evaluate(() => notes.put('first', { n: 1 }).settled);
  await server.faults({ slowMs: 1_500 });
  const left = page.waitForRequest((request) => request.url().endsWith('/push'));
  await page.evaluate(async () => {
    window.write = notes.put('k', { text: 'y'.repeat(20_000) });
    await write.durable;
  });
  await left;
  await page.evaluate(() => fill());
  // It is removed from a store that has no room for saying so.
  assert.equal(await page.evaluate(async () => (await write.settled).ending), 'applied');
  const told = await until('it is told', () => page.evaluate(() => (({ error, storage }) => error && { code: error.code, kind: storage.kind })(client.status.current)), 5_000);
  assert.deepEqual(told, { code: 'QUOTA_EXCEEDED', kind: 'memory' });
  await server.faults({});
  const { entriesSent } = await page.evaluate(() => client.status.current);
  await page.waitForTimeout(2_000);
  assert.equal(await page.evaluate(() => client.status.current.entriesSent), entriesSent, 'nothing goes round');
  await page.close();

  // Still full: it cannot even be taken over, and what is in it is shown.
  const full = await visit(context);
  const sent = [];
  full.on('request', (request) => request.url().endsWith('/push') && sent.push(JSON.parse(request.postData()).entries.map(({ id }) => id)));
  await full.evaluate(() => opened({ transport: { url: '/sync/' } }));
  await until('it is told', () => full.evaluate(() => client.status.current.error?.code === 'QUOTA_EXCEEDED'));
  assert.equal(await full.evaluate(async () => (await notes.get('k')).text.length), 20_000);
  await full.waitForTimeout(2_000);
  assert.ok(sent.length <= 1, `sent ${sent.length} times`);
  await full.close();

  await lift();
  const roomy = await visit(context);
  await roomy.evaluate(() => new Promise((resolve, reject) => Object.assign(indexedDB.deleteDatabase('filler'), { onsuccess: resolve, onerror: reject })));
  const pushes = [];
  roomy.on('request', (request) => request.url().endsWith('/push') && pushes.push(request));
  await roomy.evaluate(() => opened({ transport: { url: '/sync/' } }));
  await until('it has ended', () => roomy.evaluate(() => client.status.current.pendingMutations === 0));
  await roomy.evaluate(() => client.pull());
  assert.ok(pushes.length <= 1, `${pushes.length} pushes`);
  assert.equal((await documentsOf(server.url, roomy.seen.scope)).get('notes/k').text.length, 20_000);
  assert.deepEqual(await roomy.evaluate(() => queued()), { ids: [], pending: 0 });
  await context.close();
});

await test('s1: a store that was full is taken up again when there is room, with all that was written meanwhile', async () => {
  const { context, page, lift } = await profile(2_000_000);
  await page.evaluate(() => opened());
  await page.evaluate(() => notes.put('before', { n: 1 }).durable);
  await page.evaluate(() => fill());
  const ids = await page.evaluate(async () => {
    const { ids, durable } = notes.putAll([['k', { text: 'y'.repeat(20_000) }], ['l', { n: 2 }]]);
    return [await durable, ...ids];
  });
  assert.equal(ids.shift(), 'memory');
  await lift();
  await page.evaluate(() => new Promise((resolve, reject) => (filler.close(), Object.assign(indexedDB.deleteDatabase('filler'), { onsuccess: resolve, onerror: reject }))));
  await until('it has its store again', () => page.evaluate(() => client.status.current.storage.kind === 'indexeddb'), 60_000);
  assert.equal(await page.evaluate(() => client.status.current.error), null);
  const there = await page.evaluate(() => queued());
  assert.deepEqual([there.pending, ids.every((id) => there.ids.includes(id))], [3, true]);
  await page.close();
  const next = await visit(context);
  await next.evaluate(() => opened());
  assert.deepEqual(await next.evaluate(async () => [(await notes.get('k')).text.length, await notes.get('l'), await notes.get('before')]), [20_000, { n: 2 }, { n: 1 }]);
  await context.close();
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual(observed.flatMap(({ errors }) => errors), []);
});

await browser.close();
await server.stop();
close();
