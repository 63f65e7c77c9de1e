// Queued writes come out of a store without the module: the reader that docs/storage.md shows, over the store of the vectors.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './support/package.mjs';
import { close, test } from './support/suite.mjs';

const page = readFileSync(join(root, 'docs/storage.md'), 'utf8');
const [, reader] = page.match(/```js\n(export async function queuedWrites[^]*?)```/) ?? [];
const { records, later, store } = JSON.parse(readFileSync(join(root, 'tests/vectors/records.json'), 'utf8'));

const named = new Map([...records, ...later].map((record) => [record.name, record]));
const bytes = (name) => Buffer.from(named.get(name).bytes, 'hex');
const log = Object.entries(store.log).map(([position, names]) => [Number(position), new Uint8Array(Buffer.concat(names.map(bytes)))]);

/** As much of IndexedDB as a reader of the log needs. */
function database(name, commits) {
  const answer = (result) => {
    const request = { result };
    queueMicrotask(() => request.onsuccess());
    return request;
  };
  const objectStore = () => ({ getAllKeys: () => answer(commits.map(([key]) => key)), getAll: () => answer(commits.map(([, value]) => value)) });
  return { databases: async () => [{ name }], open: () => answer({ transaction: () => ({ objectStore }), close() {} }) };
}

async function exported(commits) {
  globalThis.indexedDB = database('syncline/app/3da0fd9c44cfc9ee', commits);
  const { queuedWrites } = await import(`data:text/javascript,${encodeURIComponent(reader)}`);
  return queuedWrites('syncline/app/3da0fd9c44cfc9ee');
}

await test('the page shows a reader', () => assert.ok(reader));

await test('what is queued comes out in order, each text byte for byte', async () => {
  const queued = store.queued.map(({ record, place }) => {
    const { kind, header, body } = named.get(record);
    return { place, id: kind === 2 ? header.entry : header.id, frozen: kind === 2, text: body };
  });
  assert.deepEqual(await exported(log), queued);
});

await test('what is broken spoils nothing that stands before it, or behind it where its length is true', async () => {
  const broken = log.map(([position, commit]) => [position, commit.slice()]);
  broken.find(([position]) => position === 41)[1][21] = 0xff; // Inside the first record's header.
  const cut = broken.find(([position]) => position === 46);
  cut[1] = cut[1].slice(0, -1);
  const ids = (await exported(broken)).map(({ id }) => id);
  const lost = named.get('mutation: put').header.id;
  assert.deepEqual(ids, (await exported(log)).map(({ id }) => id).filter((id) => id !== lost));
});

close();
