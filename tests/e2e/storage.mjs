// What a browser's database does around a client: upgrades and other builds, and what can be stored at all.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { close, test } from '../package/support/suite.mjs';
import { launch, pageAt, until } from './support/browser.mjs';
import { pages as www, pkg } from './support/places.mjs';
import { documentsOf, startServer } from './support/server.mjs';

/** The page twice over: with the package, and with a second copy of it, which is a module graph of its own. */
const folder = mkdtempSync(join(tmpdir(), 'syncline-twice-'));
cpSync(www, folder, { recursive: true });
symlinkSync(pkg, join(folder, 'second'));

const server = await startServer({ www: folder });
const browser = await launch();
const context = await browser.newContext();
const observed = [];

async function tab() {
  const page = await pageAt(context, server.url, observed);
  await page.evaluate(async () => {
    window.syncline = await import('/pkg/index.js');
    window.opened = async (name, options = {}, { open } = syncline) => {
      const client = await open({ name, scope: 'ann', poll: { baseMs: 60_000, maxMs: 60_000 }, ...options });
      return Object.assign(client, { notes: client.documents('notes') });
    };
    window.settled = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
    window.database = async (name) => (await indexedDB.databases()).find((one) => one.name.startsWith(`syncline/${name}/`)).name;
  });
  return page;
}

await test('s7: a later build that upgrades the store does not wait for an open tab, which says that it is too old', async () => {
  const [old, later] = [await tab(), await tab()];
  await old.evaluate(async () => {
    window.client = await opened('upgraded');
    await client.notes.put('k', { n: 1 }).durable;
  });
  const upgraded = await later.evaluate(async () => {
    window.kept = await settled(indexedDB.open(await database('upgraded'), 2));
    return kept.version;
  });
  assert.equal(upgraded, 2);
  assert.equal(await old.evaluate(() => client.notes.put('l', { n: 2 }).durable), 'memory');
  assert.deepEqual(await old.evaluate(() => [client.status.current.error.code, client.status.current.storage.kind]), ['VERSION_TOO_NEW', 'memory']);
  assert.equal(await later.evaluate(() => opened('upgraded').then(() => null, ({ code }) => code)), 'VERSION_TOO_NEW');
  assert.equal(await later.evaluate(async () => (await settled(kept.transaction('log').objectStore('log').getAllKeys())).length), 1, 'what is stored is left alone');
  await Promise.all([old.close(), later.close()]);
});

await test('s7: behind an upgrade that a deaf tab blocks, a client opens in time, in memory, and says so', async () => {
  const [deaf, page] = [await tab(), await tab()];
  await deaf.evaluate(async () => {
    await opened('blocked').then((client) => client.close());
    window.kept = await settled(indexedDB.open(await database('blocked')));
    // It never comes about, and all that opens stands behind it.
    window.upgrade = indexedDB.open(kept.name, 2);
    await new Promise((resolve) => (upgrade.onblocked = resolve));
  });
  const begun = Date.now();
  const status = await page.evaluate(async () => {
    window.client = await opened('blocked', { transport: { url: '/sync/' } });
    const write = client.notes.put('k', { n: 1 });
    return [await write.durable, (await write.settled).ending, client.status.current.error.code, client.status.current.storage.kind];
  });
  assert.deepEqual(status, ['memory', 'applied', 'STORAGE_UNAVAILABLE', 'memory']);
  assert.ok(Date.now() - begun < 10_000);
  assert.deepEqual((await documentsOf(server.url, page.seen.scope)).get('notes/k'), { n: 1 });
  await Promise.all([deaf.close(), page.close()]);
});

await test('s3: a store that is deleted under a client is made again with what the client knows', async () => {
  const page = await tab();
  await page.evaluate(async () => {
    window.client = await opened('deleted');
    await client.notes.put('k', { n: 1 }).durable;
    await settled(indexedDB.deleteDatabase(await database('deleted')));
  });
  assert.equal(await page.evaluate(() => client.notes.put('l', { n: 2 }).durable), 'memory');
  await until('it has its store again', () => page.evaluate(() => client.status.current.storage.kind === 'indexeddb'), 60_000);
  await page.close();
  const next = await tab();
  const found = await next.evaluate(async () => {
    const client = await opened('deleted');
    return [await client.notes.get('k'), await client.notes.get('l'), client.status.current.pendingMutations];
  });
  assert.deepEqual(found, [{ n: 1 }, { n: 2 }, 2]);
  await next.close();
});

await test('s16: whatever a document is, what is stored are bytes, and it comes back as it was', async () => {
  const page = await tab();
  const { kinds, same, codes } = await page.evaluate(async () => {
    let deep = 'bottom';
    for (let depth = 1; depth < 99; depth += 1) deep = depth % 2 ? [deep] : { deep };
    const documents = {
      deep: { deep },
      numbers: { least: 5e-324, most: Number.MAX_VALUE, zero: -0, whole: Number.MAX_SAFE_INTEGER },
      texts: { nothing: '', nul: 'a\u0000b', astral: '🦀'.repeat(1_000), mark: '\ufeff', quotes: '"\\\u2028' },
      names: JSON.parse('{"__proto__":1,"constructor":2,"":3,"a/b~c":4}'),
      long: { text: 'x'.repeat(1_000_000) },
      ['k'.repeat(1_024)]: { long: 'key' },
      '../%2f\r\n': { odd: 'key' },
    };
    const client = await opened('clone');
    await client.notes.putAll(Object.entries(documents)).durable;
    const circle = {};
    circle.self = circle;
    let deeper = 1;
    for (let depth = 0; depth < 5_000; depth += 1) deeper = [deeper];
    const code = (put) => {
      try {
        put();
        return 'taken';
      } catch ({ code }) {
        return code;
      }
    };
    const codes = {
      documents: [undefined, 1n, () => {}, { text: '\ud800' }, circle, deeper].map((value) => code(() => client.notes.put('refused', value))),
      keys: ['', '\ud800', 'k'.repeat(1_025), NaN, {}, Symbol('s')].map((key) => code(() => client.notes.put(key, {}))),
    };
    // JSON has no other word for it.
    client.notes.put('not a number', { n: NaN });
    documents['not a number'] = { n: null };
    await client.close();
    const db = await settled(indexedDB.open(await database('clone')));
    const transaction = db.transaction([...db.objectStoreNames]);
    const kinds = new Set();
    for (const name of db.objectStoreNames) {
      const [keys, values] = await Promise.all([settled(transaction.objectStore(name).getAllKeys()), settled(transaction.objectStore(name).getAll())]);
      values.forEach((value, at) => kinds.add(`${name}: ${typeof keys[at]} ${value.constructor.name} ${value.bytes?.constructor.name ?? ''}`.trim()));
    }
    db.close();
    const again = await opened('clone');
    const same = [];
    for (const [key, value] of Object.entries(documents)) same.push(JSON.stringify(await again.notes.get(key)) === JSON.stringify(value));
    await again.close();
    return { kinds: [...kinds].sort(), same, codes };
  });
  assert.deepEqual(same, same.map(() => true));
  assert.deepEqual(kinds, ['log: number Uint8Array', 'meta: string Object']);
  assert.deepEqual(codes, { documents: codes.documents.map(() => 'INVALID_DOCUMENT'), keys: codes.keys.map(() => 'VALIDATION') });
  await page.close();
});

await test('l9: two copies of the package in one page, on one store: one sends, and both see everything', async () => {
  const page = await tab();
  const pushes = [];
  page.on('request', (request) => request.url().endsWith('/push') && pushes.push(...JSON.parse(request.postData()).entries.map(({ id }) => id)));
  const { different, drainers, seen, endings } = await page.evaluate(async () => {
    const second = await import('/second/index.js');
    const clients = [await opened('twice', { transport: { url: '/sync/' } }), await opened('twice', { transport: { url: '/sync/' } }, second)];
    const writes = [0, 1, 2, 3].map((n) => clients[n % 2].notes.put(`k${n}`, { n }));
    const endings = await Promise.all(writes.map(async ({ settled }) => (await settled).ending));
    window.clients = clients;
    const seen = await Promise.all(clients.map((client) => Promise.all([0, 1, 2, 3].map((n) => client.notes.get(`k${n}`)))));
    return { different: second.open !== syncline.open, drainers: clients.map(({ status }) => status.current.drainer), seen, endings };
  });
  assert.ok(different);
  assert.deepEqual(endings, ['applied', 'applied', 'applied', 'applied']);
  assert.deepEqual(drainers, [true, false]);
  assert.deepEqual(seen, [seen[0], [0, 1, 2, 3].map((n) => ({ n }))]);
  assert.equal(new Set(pushes).size, pushes.length, 'each goes once');
  await page.evaluate(() => clients[0].close());
  await until('the other one drains', () => page.evaluate(() => clients[1].status.current.drainer));
  await page.close();
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual(observed.flatMap(({ errors }) => errors), []);
});

await browser.close();
await server.stop();
rmSync(folder, { recursive: true, force: true });
close();
