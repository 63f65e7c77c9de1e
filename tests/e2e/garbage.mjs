// Garbage in the store: a client opens whatever it finds there, says what it could not read, and goes on.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { documentsOf, startServer } from './support/server.mjs';

const WRITES = 20;
const random = Array.from({ length: 300 }, (_, index) => (index * 7919 + 13) % 256);

/** What is put beside the unsent writes; nothing of these may be lost. */
const STRANGE = {
  'random bytes in the log': [{ store: 'log', bytes: random }],
  'an empty record in the log': [{ store: 'log', bytes: [] }],
  'a record in the log that claims to be huge': [{ store: 'log', bytes: Array(64).fill(255) }],
  'a text in the log': [{ store: 'log', value: 'not bytes' }],
  'an object in the log': [{ store: 'log', value: { some: ['thing', 'else'] } }],
  'a record of the log under a name': [{ store: 'log', key: 'name', bytes: random }],
  'a page of random bytes': [{ store: 'pages', key: 77, value: { folded_to: 1, bytes: random } }],
  'a page that is a number': [{ store: 'pages', key: 78, value: 5 }],
};

/** What is done to records that are there. What they held may be lost, and is then told. */
const BROKEN = {
  'a byte of each record in the log': [{ store: 'log', flip: true }],
  'the directory': [{ store: 'pages', key: 0, value: { folded_to: 0, bytes: random } }],
  'the description, which is a text': [{ store: 'meta', key: 'meta', value: 'nothing to see here' }],
  'the description, which has members of other types': [{ store: 'meta', key: 'meta', value: { store_id: 5, store_epoch: 'x', folded_to: -1 } }],
};

const server = await startServer();
const browser = await launch();

const open = (page, name) =>
  page.evaluate(async (name) => {
    const { open } = await import('/pkg/index.js');
    // What is found while opening is told before anybody can listen, and goes to the console then.
    window.told = [];
    const { warn } = console;
    console.warn = (error) => window.told.push(error.code);
    window.client = await open({ name, scope: name, transport: { url: '/sync/' }, poll: { baseMs: 300, maxMs: 300 } });
    window.notes = client.documents('notes');
    await client.pull().catch(() => {});
    console.warn = warn;
    const { error } = client.status.current;
    if (error?.code.startsWith('STORAGE')) window.told.push(error.code);
  }, name);

/** A page whose client has written, has sent nothing, and is closed. */
async function visit(name) {
  const page = await (await browser.newContext()).newPage();
  const seen = observe(page);
  await page.goto(server.url);
  await page.route('**/sync/**', (route) => route.abort());
  await page.evaluate(async ([name, count]) => {
    const { open } = await import('/pkg/index.js');
    const client = await open({ name, scope: name, transport: { url: '/sync/' } });
    const notes = client.documents('notes');
    for (let index = 0; index < count; index += 1) await notes.put(`k${index}`, { index }).durable;
    await client.close();
  }, [name, WRITES]);
  return { page, seen };
}

/** Writes into the only database that there is, as a hand that does not belong there. */
const harm = (page, acts) =>
  page.evaluate(async (acts) => {
    const done = (request) =>
      new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
    const [{ name }] = await indexedDB.databases();
    const database = await done(indexedDB.open(name));
    const transaction = database.transaction([...database.objectStoreNames], 'readwrite');
    const complete = new Promise((resolve, reject) => Object.assign(transaction, { oncomplete: resolve, onabort: () => reject(transaction.error) }));
    for (const { store, key, bytes, value, flip } of acts) {
      const records = transaction.objectStore(store);
      if (flip) {
        const cursor = records.openCursor();
        cursor.onsuccess = () => {
          if (cursor.result === null) return;
          const bytes = new Uint8Array(cursor.result.value);
          bytes[bytes.length >> 1] ^= 0x40;
          cursor.result.update(bytes);
          cursor.result.continue();
        };
      } else {
        const content = bytes ? new Uint8Array(bytes) : value?.bytes ? { ...value, bytes: new Uint8Array(value.bytes) } : value;
        records.put(content, ...(key === undefined ? [] : [key]));
      }
    }
    await complete;
    database.close();
  }, acts);

const connect = async (page) => {
  await page.unroute('**/sync/**');
  await page.evaluate(() => dispatchEvent(new Event('online')));
};

/** Writes one more, and waits until nothing is pending. */
const goOn = async (page) => {
  const ending = await page.evaluate(async () => (await notes.put('more', { more: true }).settled).ending);
  assert.equal(ending, 'applied');
  await until('everything is sent', () => page.evaluate(() => client.status.current.pendingMutations === 0));
};

for (const [number, [what, acts]] of Object.entries(STRANGE).entries()) {
  await test(`s15: ${what}: it opens, and every write is still there and is sent`, async () => {
    const name = `strange-${number}`;
    const { page, seen } = await visit(name);
    await harm(page, acts);
    await open(page, name);
    const values = await page.evaluate((count) => Promise.all(Array.from({ length: count }, (_, index) => notes.get(`k${index}`))), WRITES);
    assert.deepEqual(values, Array.from({ length: WRITES }, (_, index) => ({ index })));
    await connect(page);
    await goOn(page);
    assert.equal((await documentsOf(server.url, seen.scope)).size, WRITES + 1);
    assert.deepEqual(seen.errors, []);
  });
}

for (const [number, [what, acts]] of Object.entries(BROKEN).entries()) {
  await test(`s15: broken: ${what}: it opens, says so, and goes on`, async () => {
    const name = `broken-${number}`;
    const { page, seen } = await visit(name);
    await harm(page, acts);
    await open(page, name);
    const told = await page.evaluate(() => window.told);
    assert.ok(told.some((code) => code.startsWith('STORAGE_')), `told: ${told}`);
    await connect(page);
    await goOn(page);
    assert.deepEqual((await documentsOf(server.url, seen.scope)).get('notes/more'), { more: true });
    await page.reload();
    await open(page, name);
    assert.deepEqual(await page.evaluate(() => notes.get('more')), { more: true });
    assert.deepEqual(seen.errors, []);
  });
}

await browser.close();
await server.stop();
close();
