// The browser loses IndexedDB when it is killed and started again: what was written comes back from the mirror, is sent once, and the
// app is told.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { pageAt, until } from './support/browser.mjs';
import { newProfile } from './support/profile.mjs';
import { documentsOf, startServer } from './support/server.mjs';

/** A mirror that was given up rests so long. */
const REST_MS = 30_000;

const server = await startServer();
const observed = [];

/** A page with an open client of this name, and what it was told of its store. */
async function visit({ context }, name, options = {}) {
  const page = await pageAt(context, server.url, observed);
  await page.evaluate(
    async ([name, options]) => {
      const { open } = await import('/pkg/index.js');
      window.client = await open({ name, scope: name, transport: { url: '/sync/' }, poll: { baseMs: 60_000, maxMs: 60_000 }, ...options });
      window.told = [];
      client.on('storage', (detail) => told.push(detail));
      window.notes = client.documents('notes');
    },
    [name, options],
  );
  return page;
}

const onServer = async (page) => documentsOf(server.url, page.seen.scope);
const told = (page) => page.evaluate(() => window.told);
const mirror = (page) => page.evaluate(() => client.status.current.storage.mirror);
const files = (page) =>
  page.evaluate(async () => {
    const found = [];
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('syncline').catch(() => null);
    for await (const database of folder?.values() ?? []) {
      for await (const file of database.values()) found.push([file.name, (await file.getFile()).size]);
    }
    return found.filter(([, size]) => size > 0);
  });
const synced = (page) => until('all is sent', () => page.evaluate(() => client.status.current.pendingMutations === 0));

/** Counts up so many times, each in a write of its own. What is sent twice counts twice. */
async function count(page, times) {
  await page.evaluate(async (times) => {
    const writes = [];
    for (let n = 0; n < times; n += 1) {
      writes.push(notes.increment('count', '/n', 1).durable);
      await writes.at(-1);
    }
    await Promise.all(writes);
  }, times);
}

/** Beside all others: it waits for long. */
const rested = test('l10: a worker that is gone takes its mirror along, holds up nothing, and another one takes its place', async () => {
  const profile = newProfile();
  const running = await profile.start();
  await running.context.addInitScript(() => {
    window.workers = [];
    window.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        workers.push(this);
      }
    };
  });
  const page = await visit(running, 'rested');
  await page.evaluate(() => notes.put('a', { n: 1 }).settled);
  await page.evaluate(() => workers[0].terminate());
  await page.evaluate(() => notes.put('a', { n: 2 }).settled);
  await until('the status says so', async () => (await mirror(page)) === 'off');
  await page.evaluate(() => client.stop());
  await page.evaluate(() => notes.put('a', { n: 3 }).durable);
  await until('there is one again', async () => (await mirror(page)) === 'on', 2 * REST_MS);
  await until('it has a file with what waits', async () => (await files(page)).length === 1);
  assert.equal(await page.evaluate(() => workers.length), 2);
  await running.kill();
  profile.remove();
});

for (const option of [true, 'await']) {
  await test(`s5: l2: what was durable when the browser was killed and IndexedDB erased is sent once, with mirror: ${option}`, async () => {
    const profile = newProfile();
    const storage = { storage: { mirror: option } };
    let running = await profile.start();
    let page = await visit(running, `killed-${option}`, storage);
    await page.evaluate(() => notes.put('count', { n: 0 }).settled);
    assert.equal(await mirror(page), 'on');
    // One is frozen, arrives, and has no answer; the others wait.
    await server.faults({ loseReplies: 1 });
    await page.evaluate(() => void notes.increment('count', '/n', 1));
    await until('it has arrived', async () => (await onServer(page)).get('notes/count').n === 1);
    await page.evaluate(() => client.stop());
    await count(page, 5);
    await page.evaluate(() => notes.put('text', { t: 'unsent' }).durable);
    if (option === true) await new Promise((resolve) => setTimeout(resolve, 100));
    await running.kill();
    await server.faults({});
    profile.loseDatabases();
    running = await profile.start();
    page = await visit(running, `killed-${option}`, storage);
    await until('it is told', async () => (await told(page)).length > 0);
    assert.deepEqual(await told(page), [{ reset: true, recovered: 7, lost: option === 'await' ? 0 : null }]);
    await synced(page);
    assert.deepEqual([...(await onServer(page))].sort(), [['notes/count', { n: 6 }], ['notes/text', { t: 'unsent' }]]);
    assert.deepEqual(await page.evaluate(() => notes.get('count')), { n: 6 });
    // What was read is of no use any more, and what is told is told once.
    await until('one file is left', async () => (await files(page)).length === 1);
    await running.quit();
    running = await profile.start();
    page = await visit(running, `killed-${option}`, storage);
    await synced(page);
    assert.deepEqual(await told(page), []);
    await running.kill();
    profile.remove();
  });
}

await test('l2: a kill that loses nothing is not told, and nothing is sent twice', async () => {
  const profile = newProfile();
  let running = await profile.start();
  let page = await visit(running, 'kept');
  await page.evaluate(() => notes.put('count', { n: 0 }).settled);
  await page.evaluate(() => client.stop());
  await count(page, 3);
  await running.kill();
  // At once, the browser itself may lose it.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  running = await profile.start();
  page = await visit(running, 'kept');
  await synced(page);
  assert.deepEqual((await onServer(page)).get('notes/count'), { n: 3 });
  const was = await told(page);
  assert.ok(was.length === 0 || was[0].recovered === 3, 'unless it did');
  await running.kill();
  profile.remove();
});

await test('s5: two tabs of a browser that is killed, and one of them lags behind', async () => {
  const profile = newProfile();
  let running = await profile.start();
  const first = await visit(running, 'tabs');
  const second = await visit(running, 'tabs');
  await first.evaluate(() => notes.put('count', { n: 0 }).settled);
  await Promise.all([first, second].map((page) => page.evaluate(() => client.stop())));
  await count(second, 2);
  await count(first, 2);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await files(first)).length, 2);
  await running.kill();
  profile.loseDatabases();
  running = await profile.start();
  const page = await visit(running, 'tabs');
  await until('it is told', async () => (await told(page)).length > 0);
  assert.deepEqual(await told(page), [{ reset: true, recovered: 4, lost: null }]);
  await synced(page);
  assert.deepEqual((await onServer(page)).get('notes/count'), { n: 4 });
  await running.kill();
  profile.remove();
});

await test('s5: without private files a lost store is told, with an unknown number', async () => {
  const profile = newProfile();
  const bare = async () => {
    const running = await profile.start();
    await running.context.addInitScript(() => Object.defineProperty(StorageManager.prototype, 'getDirectory', { value: undefined }));
    return running;
  };
  let running = await bare();
  let page = await visit(running, 'bare');
  assert.equal(await mirror(page), 'off');
  await page.evaluate(() => notes.put('a', { n: 1 }).settled);
  await page.evaluate(() => client.stop());
  await page.evaluate(() => notes.put('b', { n: 1 }).durable);
  await running.quit();
  profile.loseDatabases();
  running = await bare();
  page = await visit(running, 'bare');
  await until('it is told', async () => (await told(page)).length > 0);
  assert.deepEqual(await told(page), [{ reset: true, recovered: 0, lost: null }]);
  await until('documents come again', () => page.evaluate(async () => (await notes.get('a'))?.n === 1));
  assert.equal(await page.evaluate(() => notes.get('b')), undefined);
  await running.kill();
  profile.remove();
});

await test('s17: a mirror that cannot be written is given up, says so, and holds up nothing', async () => {
  const profile = newProfile();
  const running = await profile.start();
  await running.context.route('**/mirror.worker.js', (route) => route.abort());
  const page = await visit(running, 'broken');
  await page.evaluate(() => notes.put('a', { n: 1 }).settled);
  await until('the status says so', async () => (await mirror(page)) === 'off');
  await running.kill();
  profile.remove();
});

await rested;
await test('no page saw an uncaught error', () => {
  assert.deepEqual(observed.flatMap(({ errors }) => errors), []);
});

await server.stop();
close();
