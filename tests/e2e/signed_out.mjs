// After a user has signed out, nothing of what the user wrote is left: not in what a page of the origin can read, and not in the files
// of the browser's profile.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { close, test } from '../package/support/suite.mjs';
import { launchOn, pageAt } from './support/browser.mjs';
import { startServer } from './support/server.mjs';

const server = await startServer();
const folder = mkdtempSync(join(tmpdir(), 'syncline-profile-'));
const observed = [];
let context;

/** The profile's browser, started; a page of it, with helpers. */
async function start() {
  context = await launchOn(folder);
  return visit();
}

async function visit() {
  const page = await pageAt(context, server.url, observed);
  await page.evaluate(async () => {
    window.syncline = await import('/pkg/index.js');
    window.write = async (scope, marks, bytes, transport) => {
      const client = await syncline.open({ name: 'app', scope, transport });
      const notes = client.documents('notes');
      // What comes singly is a commit each; what comes at once is in pages, or in a file where the browser finds it large.
      for (const mark of marks) await notes.put(mark, { mark, text: `${mark} `.repeat(bytes / mark.length) }).durable;
      const copies = marks.map((mark) => [`copy of ${mark}`, { mark, text: `${mark} `.repeat(bytes / mark.length) }]);
      await notes.putAll(copies).durable;
      if (transport) await client.push();
      await client.close();
    };
  });
  return page;
}

/**
 * Marks that no file has by chance. A table of LevelDB is compressed, but what comes for the first time in a block stands there as it
 * is, and a mark of random letters cannot be put together of what came before.
 */
const marks = (count) => Array.from({ length: count }, () => `m${randomBytes(15).toString('hex')}`);

/** The files of the profile in which one of these marks is, in UTF-8 or UTF-16. */
function filesWith(marks) {
  const found = [];
  for (const name of readdirSync(folder, { recursive: true })) {
    const path = join(folder, name);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
    const content = readFileSync(path);
    if (marks.some((mark) => content.includes(mark) || content.includes(Buffer.from(mark, 'utf16le')))) found.push(name);
  }
  return found;
}

/** The places of the origin in which a page can read one of these marks. */
const placesWith = (page, marks) =>
  page.evaluate(async (marks) => {
    const found = new Set();
    const look = (place, text) => marks.some((mark) => text.includes(mark)) && found.add(place);
    const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
    const words = (_, value) => (ArrayBuffer.isView(value) ? new TextDecoder().decode(value) : value);
    for (const { name } of await indexedDB.databases()) {
      const db = await done(indexedDB.open(name));
      look('the name of a database', name);
      for (const store of db.objectStoreNames) {
        const all = db.transaction(store).objectStore(store);
        look(`${name} ${store}`, JSON.stringify([await done(all.getAllKeys()), await done(all.getAll())], words));
      }
      db.close();
    }
    const walk = async (place, directory) => {
      for await (const [name, handle] of directory.entries()) {
        look(place, name);
        if (handle.kind === 'directory') await walk(`${place}/${name}`, handle);
        else look(`${place}/${name}`, await (await handle.getFile()).text());
      }
    };
    await walk('files', await navigator.storage.getDirectory());
    for (const [name, area] of Object.entries({ localStorage, sessionStorage })) look(name, JSON.stringify({ ...area }));
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) look('caches', request.url + (await (await cache.match(request)).text()));
    }
    return [...found].map((place) => place.replace(/[0-9a-f]{16}/, 'SCOPE'));
  }, marks);

const SIZES = { 'short documents': [40, 200], 'documents that the browser keeps in files of their own': [3, 200_000], 'many documents': [400, 2_000] };
const ben = marks(20);
let page = await start();
await page.evaluate((marks) => write('ben', marks, 500), ben);

for (const [what, [count, bytes]] of Object.entries(SIZES)) {
  await test(`a2: signed out, no byte is left: ${what}`, async () => {
    const ann = marks(count);
    await page.evaluate(([marks, bytes]) => write('ann', marks.slice(1), bytes, { url: '/sync/' }), [ann, bytes]);
    await context.close();
    assert.notDeepEqual(filesWith(ann), [], 'what was written is found in files');
    page = await start();
    await page.evaluate(([marks, bytes]) => write('ann', marks, bytes), [ann.slice(0, 1), bytes]);
    assert.notDeepEqual(await placesWith(page, ann), [], 'a page can read what was written');
    const other = await visit();
    await other.evaluate(() => syncline.open({ name: 'app', scope: 'ann' }));
    await page.evaluate(() => syncline.destroy({ name: 'app', scope: 'ann' }));
    assert.deepEqual(await placesWith(page, ann), []);
    assert.notDeepEqual(await placesWith(page, ben), [], 'what others wrote is there');
    await context.close();
    assert.deepEqual(filesWith(ann), []);
    assert.ok(filesWith(ben).some((name) => name.endsWith('.ldb')), 'what others wrote is found in a compressed file');
    page = await start();
  });
}

await test('no page saw an uncaught error', () => {
  assert.deepEqual(observed.flatMap(({ errors }) => errors), []);
});

await context.close();
rmSync(folder, { recursive: true, force: true });
await server.stop();
close();
