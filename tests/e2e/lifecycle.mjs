// A page's life around the client: what the browser says of its storage, leaving with writes on their way, going back.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { documentsOf, startServer } from './support/server.mjs';

const server = await startServer();
const { origin } = new URL(server.url);
const browser = await launch();
const pages = new Map();

/** A page with a profile of its own, and a session of the browser's own protocol with it. */
async function visit(of = browser) {
  const context = await of.newContext();
  const page = await context.newPage();
  pages.set(page, observe(page));
  await page.goto(server.url);
  return { page, devtools: await context.newCDPSession(page) };
}

/** Opens a client of this name in the page, as `window.client`. */
const start = (page, name, options = {}) =>
  page.evaluate(
    async ([name, options]) => {
      const { open } = await import('/pkg/index.js');
      window.client = await open({ name, scope: name, transport: { url: '/sync/' }, ...options });
      window.notes = window.client.documents('notes');
    },
    [name, options],
  );

const storage = (page) => page.evaluate(() => client.status.current.storage);
const onServer = async (page) => documentsOf(server.url, pages.get(page).scope);

await test("what the browser's storage has room for, and whether it is kept, is in the status", async () => {
  const { page, devtools } = await visit();
  await start(page, 'room');
  await page.evaluate(() => notes.put('a', { n: 1 }).durable);
  const { kind, persistent, usage, quota } = await until('it is known', async () => ((told) => told.quota !== null && told)(await storage(page)));
  assert.deepEqual([kind, persistent], ['indexeddb', false]);
  // It moves with what is used, and files are written meanwhile.
  const estimated = await page.evaluate(async () => (await navigator.storage.estimate()).quota);
  assert.ok(Math.abs(quota - estimated) < 1 << 20, `${quota}, and ${estimated}`);
  assert.ok(usage >= 0 && quota > 1_000_000, `${usage} of ${quota} bytes`);
  const { targetInfo } = await devtools.send('Target.getTargetInfo');
  await devtools.send('Browser.grantPermissions', { origin, permissions: ['durableStorage'], browserContextId: targetInfo.browserContextId });
  assert.equal(await page.evaluate(() => client.requestPersistence()), true);
  assert.equal((await storage(page)).persistent, true);
  assert.equal(await page.evaluate(() => navigator.storage.persisted()), true, 'the browser says the same');
});

await test('l7: a push that is on its way when the page is closed arrives', async () => {
  const { page } = await visit();
  await start(page, 'leaving');
  // What is not to outlive its page is given up with it, and the server with it, which has not done anything yet.
  await server.faults({ slowMs: 1_500 });
  const left = page.waitForRequest((request) => request.url().endsWith('/push'));
  await page.evaluate(() => void notes.put('last', { said: 'goodbye' }));
  await left;
  await page.close();
  await until('it arrives', async () => (await onServer(page)).has('notes/last'));
  await server.faults({});
  assert.deepEqual((await onServer(page)).get('notes/last'), { said: 'goodbye' });
});

await test('l8: the user is asked to stay while a write is not stored, and not when it is', async () => {
  const { page } = await visit();
  await start(page, 'staying', { guardUnload: true });
  const asked = [];
  page.on('dialog', async (dialog) => {
    asked.push(dialog.type());
    await dialog.dismiss();
  });
  // Browsers ask only those who have done something on the page.
  await page.mouse.click(5, 5);
  // Written in the very turn in which the page is left.
  await page.evaluate(() => {
    notes.put('a', { n: 1 });
    location.href = '/pkg/package.json';
  });
  await until('the user is asked', () => asked.length > 0);
  assert.deepEqual(asked, ['beforeunload']);
  assert.equal(await page.evaluate(() => typeof client), 'object', 'the user stayed');
  await page.evaluate(() => notes.put('b', { n: 2 }).durable);
  await page.goto(`${server.url}/pkg/package.json`);
  assert.equal(asked.length, 1);
});

await test('l5: a page that is gone back to goes on at once, with what has changed meanwhile', async () => {
  const keeping = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  const { page } = await visit(keeping);
  const polls = { poll: { baseMs: 60_000, maxMs: 60_000 } };
  await start(page, 'back', polls);
  await page.evaluate(async () => {
    addEventListener('pageshow', ({ persisted }) => (window.persisted = persisted));
    await notes.put('a', { n: 1 }).settled;
    notes.watch('b').subscribe((value) => (window.seen = value));
  });
  await page.goto(`${server.url}/pkg/package.json`);
  const { page: other } = await visit();
  await start(other, 'back', polls);
  await other.evaluate(() => notes.put('b', { n: 2 }).settled);
  // A page that is kept does not load again.
  await page.goBack({ waitUntil: 'commit' });
  await until('the page is back', () => page.evaluate(() => window.persisted === true));
  await until('it has heard of the change', () => page.evaluate(() => window.seen?.n === 2), 10_000);
  assert.equal(await page.evaluate(async () => (await notes.put('a', { n: 3 }).settled).ending), 'applied');
  assert.equal((await storage(page)).mirror, 'on', 'its mirror goes on, too');
  assert.deepEqual((await onServer(page)).get('notes/a'), { n: 3 });
  await keeping.close();
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual([...pages.values()].flatMap(({ errors }) => errors), []);
});

await browser.close();
await server.stop();
close();
