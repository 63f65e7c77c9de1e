// Several tabs over one store, in a real browser: any of them writes, one drains, and every one sees every change.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, pageAt, until } from './support/browser.mjs';
import { documentsOf, startServer } from './support/server.mjs';

const server = await startServer();
const browser = await launch();
const observed = [];

/** So many tabs of one profile, each with an open client. */
async function tabs(name, count, options = {}) {
  const context = await browser.newContext();
  const pages = [];
  for (let number = 0; number < count; number += 1) pages.push(await tab(context, name, options));
  return { context, pages };
}

async function tab(context, name, options = {}) {
  const page = await pageAt(context, server.url, observed);
  await page.evaluate(
    async ([name, options]) => {
      const { open } = await import('/pkg/index.js');
      window.client = await open({ name, scope: name, transport: { url: '/sync/' }, poll: { baseMs: 60_000, maxMs: 60_000 }, ...options });
      window.notes = window.client.documents('notes');
      window.seen = [];
      notes.watch('k').subscribe((value) => window.seen.push(value?.n));
    },
    [name, options],
  );
  return page;
}

const drains = (page) => page.evaluate(() => client.status.current.drainer);
const put = (page, n) => page.evaluate((n) => notes.put('k', { n }).settled.then(({ ending }) => ending), n);
const sees = (page, n) => page.evaluate((n) => window.seen.at(-1) === n, n);
const onServer = async (pages) => {
  const { scope } = pages.map(({ seen }) => seen).find(({ scope }) => scope);
  return documentsOf(server.url, scope);
};
const drainerOf = async (pages) => {
  const found = await until('one of them drains', async () => {
    const all = await Promise.all(pages.map(drains));
    return all.filter(Boolean).length === 1 && { drainer: pages[all.indexOf(true)], others: pages.filter((_, at) => !all[at]) };
  });
  return found;
};

await test('a list shows in every tab what all of them and others write, and all of it behind a reload', async () => {
  const { context, pages } = await tabs('lists', 2);
  const list = () => {
    window.lists = [];
    notes.live({ where: ({ n }) => n > 0, orderBy: 'n', limit: 250 }).subscribe((list) => window.lists.push(list.map(({ n }) => n)));
  };
  const shows = (page, wanted) =>
    until('the list shows it', () => page.evaluate((wanted) => JSON.stringify(window.lists.at(-1)) === wanted, JSON.stringify(wanted)));
  const upTo = (count) => Array.from({ length: count }, (_, at) => at + 1);
  for (const page of pages) await page.evaluate(list);
  const text = 'x'.repeat(2_000);
  await pages[0].evaluate((text) => notes.putAll(Array.from({ length: 200 }, (_, n) => [`k${n}`, { n, text }])).settled.then(() => {}), text);
  for (const page of pages) await shows(page, upTo(199));
  const elsewhere = await tab(await browser.newContext(), 'lists');
  await elsewhere.evaluate(list);
  await elsewhere.evaluate(() => client.pull());
  await shows(elsewhere, upTo(199));
  await elsewhere.evaluate(() => Promise.all([notes.put('more', { n: 200 }).settled, notes.delete('k1').settled]).then(() => {}));
  await pages[1].evaluate(() => client.pull());
  const now = upTo(200).slice(1);
  for (const page of pages) await shows(page, now);
  const again = await tab(context, 'lists', { storage: { memoryBytesMax: 100_000 } });
  await again.evaluate(list);
  await shows(again, now);
  assert.equal(await again.evaluate(() => window.lists.length), 1, 'at once, and not piece by piece');
});

await test('c6: any tab writes, one sends, and every tab sees it', async () => {
  const { pages } = await tabs('any', 3);
  const { drainer, others } = await drainerOf(pages);
  assert.equal(await put(others[0], 1), 'applied');
  for (const page of pages) await until('it is seen', () => sees(page, 1));
  const endings = await Promise.all(pages.map((page, at) => page.evaluate((at) => notes.put(`own${at}`, { at }).settled.then(({ ending }) => ending), at)));
  assert.deepEqual(endings, ['applied', 'applied', 'applied']);
  assert.equal((await onServer(pages)).size, 4);
  assert.equal(await drains(drainer), true);
  assert.deepEqual(await Promise.all(others.map((page) => page.evaluate(() => client.status.current.requests))), [0, 0], 'they have sent nothing');
});

await test('a tab that does not drain can pull and push', async () => {
  const { pages } = await tabs('errands', 2);
  const { others: [page] } = await drainerOf(pages);
  const { pages: [elsewhere] } = await tabs('errands', 1);
  await until('it drains', () => drains(elsewhere));
  assert.equal(await put(elsewhere, 7), 'applied');
  await page.evaluate(() => client.pull());
  await until('what somebody else wrote is there', () => sees(page, 7));
  await page.evaluate(() => {
    notes.put('k', { n: 8 });
    return client.syncImmediately({ collection: 'notes', key: 'k' });
  });
  assert.deepEqual((await onServer(pages)).get('notes/k'), { n: 8 });
});

await test('when the tab that drains is closed, another one does', async () => {
  const { pages } = await tabs('closed', 3);
  const { drainer, others } = await drainerOf(pages);
  await server.faults({ slowMs: 1_000 });
  await drainer.evaluate(() => void notes.put('k', { n: 1 }));
  await until('the others know of it', () => sees(others[1], 1));
  await drainer.close();
  await server.faults({});
  await drainerOf(others);
  await until('it is sent', async () => (await onServer(others)).has('notes/k'));
  for (const page of others) await until('it has ended', () => page.evaluate(() => client.status.current.pendingMutations === 0));
});

await test('l1: when the tab that drains crashes, another one does', async () => {
  const { context, pages } = await tabs('crashed', 2);
  const { drainer, others } = await drainerOf(pages);
  const devtools = await context.newCDPSession(drainer);
  await server.faults({ slowMs: 1_000 });
  await drainer.evaluate(() => notes.put('k', { n: 1 }).durable);
  await Promise.race([devtools.send('Page.crash').catch(() => {}), drainer.waitForEvent('crash')]);
  await server.faults({});
  await drainerOf(others);
  await until('what was stored is sent', async () => (await onServer(others)).has('notes/k'));
  await until('and seen', () => sees(others[0], 1));
});

await test('c1: a tab that drains and is stuck is replaced, and harms nothing when it goes on', async () => {
  const { pages } = await tabs('stuck', 2);
  const { drainer, others: [other] } = await drainerOf(pages);
  await drainer.evaluate(() =>
    setTimeout(() => {
      for (const end = Date.now() + 12_000; Date.now() < end; );
    }),
  );
  assert.equal(await put(other, 1), 'applied', 'the lock is taken from it');
  assert.equal(await drains(other), true);
  // What it does here waits until it goes on.
  assert.equal(await put(drainer, 2), 'applied');
  await until('it has found out', async () => !(await drains(drainer)));
  assert.equal(await drains(other), true);
  await until('both see the same', async () => (await sees(other, 2)) && (await sees(drainer, 2)));
  assert.deepEqual([...(await onServer(pages))], [['notes/k', { n: 2 }]]);
});

await test('c4: without Web Locks, the last one that opened drains, and nothing is lost', async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
  const pages = [await tab(context, 'lockless'), await tab(context, 'lockless')];
  assert.equal(await put(pages[0], 1), 'applied');
  await until('it is seen', () => sees(pages[1], 1));
  assert.deepEqual(await Promise.all(pages.map(drains)), [false, true]);
  await pages[1].close();
  assert.equal(await put(pages[0], 2), 'applied', 'nobody answers, and it takes the store back');
  assert.equal(await drains(pages[0]), true);
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual(observed.flatMap(({ errors }) => errors), []);
});

await browser.close();
await server.stop();
close();
