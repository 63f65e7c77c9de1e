// Signing out: a store ends for all tabs and is gone, other users' stays, and what waits in each can be asked before.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { close, test } from '../package/support/suite.mjs';
import { launch, pageAt, until } from './support/browser.mjs';
import { root } from './support/places.mjs';
import { startServer } from './support/server.mjs';

const server = await startServer();
const browser = await launch();
const observed = [];
const context = await browser.newContext();

async function tab(context) {
  const page = await pageAt(context, server.url, observed);
  await ready(page);
  return page;
}

/** Helpers for what follows. */
const ready = (page) =>
  page.evaluate(async () => {
    window.syncline = await import('/pkg/index.js');
    window.opened = async (name, scope, options = {}) => {
      const client = await syncline.open({ name, scope, transport: { url: '/sync/' }, poll: { baseMs: 60_000, maxMs: 60_000 }, ...options });
      return Object.assign(client, { notes: client.documents('notes') });
    };
    /** What a client that opens the store now finds of what was there. */
    window.afresh = async (name, scope) => {
      const client = await opened(name, scope, { transport: undefined });
      const found = [await client.notes.get('secret'), client.status.current.pendingMutations];
      await client.close();
      return found;
    };
    window.failed = (promise) => promise.then(() => null, ({ code, hint, message, retryable }) => ({ code, hint, message, retryable }));
  });

const list = (page, target) => page.evaluate((target) => syncline.list(target), target);
const databases = (page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name).sort());

await test('i20: two users in one page and in two tabs never meet', async () => {
  const pages = [await tab(context), await tab(context)];
  for (const page of pages) {
    await page.evaluate(async () => {
      [window.ann, window.ben] = [await opened('meet', 'ann'), await opened('meet', 'ben')];
      ann.notes.watch('shared').subscribe((note) => (window.annSees = note?.by));
      ben.notes.watch('shared').subscribe((note) => (window.benSees = note?.by));
    });
  }
  await pages[0].evaluate(async () => {
    await Promise.all([ann.notes.put('shared', { by: 'ann' }).settled, ben.notes.put('shared', { by: 'ben' }).settled]);
    await ann.notes.put('only', { by: 'ann' }).settled;
  });
  for (const page of pages) {
    await until('each sees its own', () => page.evaluate(() => window.annSees === 'ann' && window.benSees === 'ben'));
    assert.deepEqual(await page.evaluate(async () => [await ann.notes.get('only'), await ben.notes.get('only')]), [{ by: 'ann' }, undefined]);
    assert.equal(await page.evaluate(() => ann.clientId === ben.clientId), false);
  }
  const kept = await list(pages[1]);
  assert.deepEqual(kept.map(({ name, pending }) => [name, pending]), [['meet', 0], ['meet', 0]]);
  const [ben, ...others] = await list(pages[1], { name: 'meet', scope: 'ben' });
  assert.deepEqual([ben, others], [kept.find(({ scopeHash }) => scopeHash === ben.scopeHash), []]);
  assert.notEqual(kept[0].scopeHash, kept[1].scopeHash);
  await Promise.all(pages.map((page) => page.close()));
});

await test('what waits in each store is counted, and nothing is changed, sent, taken over or made by it', async () => {
  const page = await tab(context);
  const other = await tab(context);
  await page.evaluate(async () => {
    window.client = await opened('count', 'ann');
    client.stop();
    client.notes.putAll([['a', {}], ['b', {}], ['c', {}]]);
    client.notes.update('a', { n: 1 });
    await client.notes.delete('b').durable;
  });
  const before = await databases(page);
  const [found] = await list(other, { name: 'count', scope: 'ann' });
  assert.deepEqual(found, { name: 'count', scopeHash: found.scopeHash, pending: 5 });
  assert.equal(await page.evaluate(() => client.status.current.pendingMutations), 5);
  assert.deepEqual(await list(other, { name: 'count', scope: 'nobody' }), []);
  assert.deepEqual(await databases(page), before);
  assert.equal(await page.evaluate(() => client.status.current.drainer), true);
  await page.evaluate(() => client.close());
  // Nobody has it open.
  const closed = await list(other, { name: 'count', scope: 'ann' });
  assert.deepEqual(closed, [found]);
  assert.equal(await other.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('/sync/')).length), 0);
  await page.evaluate(async () => {
    window.client = await opened('count', 'ann');
    await client.push();
  });
  assert.equal((await list(other, { name: 'count', scope: 'ann' }))[0].pending, 0);
  await Promise.all([page.close(), other.close()]);
});

await test('a2: destroy ends the clients of all tabs, and the store begins afresh', async () => {
  const pages = [await tab(context), await tab(context), await tab(context)];
  for (const page of pages.slice(0, 2)) {
    await page.evaluate(async () => {
      [window.client, window.ben] = [await opened('gone', 'ann'), await opened('gone', 'ben')];
      window.phases = [];
      client.status.subscribe(({ phase }) => phases.push(phase));
    });
  }
  await server.faults({ slowMs: 400 });
  await pages[0].evaluate(async () => {
    window.write = client.notes.put('secret', { text: 'of ann' });
    await write.durable;
    await ben.notes.put('kept', { text: 'of ben' }).durable;
  });
  await pages[2].evaluate(() => syncline.destroy({ name: 'gone', scope: 'ann' }));
  for (const page of pages.slice(0, 2)) {
    await until('it has ended', () => page.evaluate(() => client.status.current.phase === 'closed'));
    const { status, late, last } = await page.evaluate(async () => ({
      status: (({ phase, error }) => ({ phase, code: error.code, message: error.message, hint: error.hint }))(client.status.current),
      late: await failed((async () => client.notes.put('late', {}))()),
      last: phases.at(-1),
    }));
    assert.deepEqual(status, { phase: 'closed', code: 'CLOSED', message: 'the store was destroyed', hint: 'Open another client.' });
    assert.deepEqual([late.code, late.message, last], ['CLOSED', 'the store was destroyed', 'closed']);
    assert.equal(await page.evaluate(() => client.close().then(() => 'closed')), 'closed');
    assert.notEqual(await page.evaluate(() => ben.status.current.phase), 'closed', 'the other user goes on');
  }
  const settled = await pages[0].evaluate(() => write.settled.then(({ ending, error }) => [ending, error.code]));
  assert.deepEqual(settled, ['unknown', 'CLOSED']);
  assert.deepEqual((await list(pages[2])).filter(({ name }) => name === 'gone').length, 1, 'the other user has its store');
  await server.faults({});
  assert.deepEqual(await pages[1].evaluate(() => afresh('gone', 'ann')), [undefined, 0]);
  await Promise.all(pages.map((page) => page.close()));
});

await test('i20: users take turns in one page, and each finds what is its own', async () => {
  const page = await tab(context);
  const found = await page.evaluate(async () => {
    const offline = { transport: undefined };
    const ann = await opened('turns', 'ann', offline);
    await ann.notes.put('k', { by: 'ann' }).durable;
    await ann.close();
    const ben = await opened('turns', 'ben', offline);
    const seen = [await ben.notes.get('k')];
    await ben.notes.put('k', { by: 'ben' }).durable;
    const stores = (await syncline.list()).filter(({ name }) => name === 'turns');
    await ben.close();
    const again = await opened('turns', 'ann', offline);
    seen.push(await again.notes.get('k'));
    await again.close();
    await Promise.all(stores.map((store) => syncline.destroy(store)));
    const left = (await syncline.list()).filter(({ name }) => name === 'turns');
    return { seen, pending: stores.map(({ pending }) => pending), left };
  });
  assert.deepEqual(found, { seen: [undefined, { by: 'ann' }], pending: [1, 1], left: [] });
  await page.close();
});

await test('while others open it again and again, a store is deleted whole, and who opens it begins afresh', async () => {
  const pages = [await tab(context), await tab(context)];
  const offline = { transport: undefined };
  const opener = pages[0].evaluate(async (offline) => {
    const told = [];
    for (let round = 0; round < 25; round += 1) {
      const client = await opened('race', 'ann', offline).catch((error) => error);
      if (client instanceof Error) told.push(client.code);
      else {
        const write = (() => { try { return client.notes.put(`k${round}`, { round }); } catch { return null; } })();
        await write?.durable.catch(({ code }) => told.push(code));
        await new Promise((resolve) => setTimeout(resolve, round * 2));
        await client.close();
      }
    }
    return told;
  }, offline);
  const failures = await pages[1].evaluate(async () => {
    const codes = [];
    for (let round = 0; round < 12; round += 1) codes.push((await failed(syncline.destroy({ name: 'race', scope: 'ann' })))?.code);
    return codes.filter(Boolean);
  });
  assert.deepEqual(failures, []);
  assert.deepEqual((await opener).filter((code) => code !== 'CLOSED'), []);
  await pages[1].evaluate(() => syncline.destroy({ name: 'race', scope: 'ann' }));
  assert.deepEqual(await list(pages[1], { name: 'race', scope: 'ann' }), []);
  assert.deepEqual(await pages[1].evaluate(() => afresh('race', 'ann')), [undefined, 0]);
  await Promise.all(pages.map((page) => page.close()));
});

await test('a tab that is stuck keeps its store whole, which is said in time, and it can be deleted later', async () => {
  const pages = [await tab(context), await tab(context)];
  await pages[0].evaluate(async () => {
    window.client = await opened('stuck', 'ann', { transport: undefined });
    await client.notes.put('secret', {}).durable;
    setTimeout(() => {
      for (const end = Date.now() + 8_000; Date.now() < end; );
    });
  });
  const begun = Date.now();
  const error = await pages[1].evaluate(() => failed(syncline.destroy({ name: 'stuck', scope: 'ann' })));
  assert.deepEqual([error.code, error.retryable, error.hint], ['VERSION_BLOCKED', true, 'Close other tabs of the app, or try again.']);
  assert.ok(Date.now() - begun < 7_000);
  assert.equal((await list(pages[1], { name: 'stuck', scope: 'ann' }))[0].pending, 1, 'nothing of it is gone');
  await until('it has heard', () => pages[0].evaluate(() => client.status.current.phase === 'closed'));
  await pages[1].evaluate(() => syncline.destroy({ name: 'stuck', scope: 'ann' }));
  assert.deepEqual(await list(pages[1], { name: 'stuck', scope: 'ann' }), []);
  await Promise.all(pages.map((page) => page.close()));
});

await test('that somebody keeps the database open and does not listen is said in time', async () => {
  const pages = [await tab(context), await tab(context)];
  await pages[1].evaluate(() => opened('deaf', 'ann', { transport: undefined }).then((client) => client.notes.put('secret', {}).durable));
  const [{ name, scopeHash }] = await list(pages[0], { name: 'deaf', scope: 'ann' });
  await pages[0].evaluate(async (database) => {
    const request = indexedDB.open(database);
    window.deaf = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  }, `syncline/${name}/${scopeHash}`);
  const error = await pages[1].evaluate((target) => failed(syncline.destroy(target)), { name, scopeHash });
  assert.deepEqual([error.code, error.retryable], ['VERSION_BLOCKED', true]);
  await pages[0].evaluate(() => deaf.close());
  await pages[1].evaluate((target) => syncline.destroy(target), { name, scopeHash });
  assert.deepEqual(await pages[1].evaluate(() => afresh('deaf', 'ann')), [undefined, 0]);
  await Promise.all(pages.map((page) => page.close()));
});

await test('c4: without Web Locks a store ends in all tabs, too', async () => {
  const lockless = await browser.newContext();
  await lockless.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
  const pages = [await tab(lockless), await tab(lockless)];
  await pages[0].evaluate(async () => {
    window.client = await opened('lockless', 'ann', { transport: undefined });
    await client.notes.put('secret', {}).durable;
  });
  await pages[1].evaluate(() => syncline.destroy({ name: 'lockless', scope: 'ann' }));
  assert.equal(await pages[0].evaluate(() => client.status.current.phase), 'closed');
  assert.deepEqual(await pages[1].evaluate(() => afresh('lockless', 'ann')), [undefined, 0]);
});

await test('signing out as the docs show it', async () => {
  const [, example] = readFileSync(join(root, 'docs/users.md'), 'utf8').match(/```js\n([^]*?)```/);
  const page = await tab(context);
  await page.route('**/sign-out.js', (route) => route.fulfill({ body: example.replace("'syncline'", "'/pkg/index.js'"), contentType: 'text/javascript' }));
  const signOut = async (answer, options) =>
    page.evaluate(async ([answer, options]) => {
      const { signOut } = await import('/sign-out.js');
      const user = { name: 'docs', scope: 'ann' };
      const client = await opened('docs', 'ann', options);
      await client.notes.put('a', {}).durable;
      const asked = [];
      const left = await signOut(client, user, async (pending) => (asked.push(pending), answer));
      return { left, asked, phase: client.status.current.phase, stores: (await syncline.list(user)).length };
    }, [answer, options]);
  assert.deepEqual(await signOut(false, {}), { left: true, asked: [], phase: 'closed', stores: 0 }, 'what can be sent is sent');
  await server.faults({ slowMs: 60_000 });
  assert.deepEqual(await signOut(false, {}), { left: false, asked: [1], phase: 'pushing', stores: 1 });
  await page.reload();
  await ready(page);
  assert.deepEqual(await signOut(true, {}), { left: true, asked: [2], phase: 'closed', stores: 0 });
  await server.faults({});
  await page.close();
});

await test('what the browser keeps in files beside the database goes with it', async () => {
  const page = await tab(context);
  const left = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const mirrors = await root.getDirectoryHandle('syncline', { create: true });
    await opened('files', 'ann', { transport: undefined }).then((client) => client.notes.put('k', {}).durable);
    const [{ scopeHash }] = await syncline.list({ name: 'files', scope: 'ann' });
    for (const database of [`syncline/files/${scopeHash}`, 'syncline/files/0000000000000000']) {
      const folder = await mirrors.getDirectoryHandle(encodeURIComponent(database), { create: true });
      await folder.getFileHandle('1', { create: true });
    }
    await syncline.destroy({ name: 'files', scope: 'ann' });
    const names = [];
    for await (const name of mirrors.keys()) names.push(decodeURIComponent(name));
    return names;
  });
  assert.deepEqual(left.filter((name) => name.startsWith('syncline/files/')), ['syncline/files/0000000000000000']);
  await page.close();
});

await test('what names no store is refused, and what is not there is deleted already', async () => {
  const page = await tab(context);
  const before = await databases(page);
  const codes = await page.evaluate(async () => {
    const targets = [undefined, {}, { name: '' }, { name: 5 }, { name: '\ud800' }, { name: 'a', scope: '\udc00' }, { name: 'a', scopeHash: 'x' }];
    return Promise.all(targets.map(async (target) => (await failed(syncline.destroy(target)))?.code));
  });
  assert.deepEqual(codes, codes.map(() => 'VALIDATION'));
  await page.evaluate(() => syncline.destroy({ name: 'nothing', scope: 'nobody' }));
  assert.deepEqual(await databases(page), before);
  await page.close();
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual(observed.flatMap(({ errors }) => errors), []);
});

await browser.close();
await server.stop();
close();
