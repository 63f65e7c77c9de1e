// One app, in a page of its own and in a frame of another site's page: the browser gives the frame a store of its own, or none.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { newProfile } from './support/profile.mjs';
import { documentsOf, startServer } from './support/server.mjs';

const server = await startServer();
const observed = [];

/** The app in a page, and in a frame of a page of another site. */
async function framed(context) {
  // This app may be framed, and that site frames it.
  await context.route(({ pathname }) => pathname === '/', async (route) => {
    const response = await route.fetch();
    const { 'content-security-policy': _, ...headers } = response.headers();
    await route.fulfill({ response, headers });
  });
  const [page, other] = [await context.newPage(), await context.newPage()];
  page.seen = observe(page);
  observed.push(page.seen, observe(other));
  await page.goto(server.url);
  await other.goto(`http://localhost:${new URL(server.url).port}/`);
  await other.evaluate((url) => {
    const frame = Object.assign(document.createElement('iframe'), { src: url });
    document.body.append(frame);
    return new Promise((loaded) => (frame.onload = loaded));
  }, server.url);
  return { page, frame: other.frames().find((one) => one !== other.mainFrame()) };
}

/** Opens a client there. It sends nothing before it is told to. */
async function open(place, name) {
  await place.evaluate(async (name) => {
    const { list, open } = await import('/pkg/index.js');
    window.list = list;
    window.client = await open({ name, scope: name, transport: { url: '/sync/' }, poll: { baseMs: 60_000, maxMs: 60_000 } });
    window.notes = client.documents('notes');
    await client.pull();
    client.stop();
  }, name);
}

const written = (place, key) => place.evaluate((key) => notes.put(key, { n: 1 }).durable, key);
const pending = (place) => place.evaluate(async () => (await list()).map(({ name, pending }) => [name, pending]));
const arrived = async ({ seen }) => [...(await documentsOf(server.url, seen.scope)).keys()].sort().join();

await test('l13: a frame in another site has a queue of its own, and what both write arrives', async () => {
  const profile = newProfile();
  const running = await profile.start();
  const { page, frame } = await framed(running.context);
  for (const place of [page, frame]) await open(place, 'parted');
  await written(page, 'page');
  await written(page, 'page too');
  await written(frame, 'frame');
  assert.deepEqual(await pending(page), [['parted', 2]]);
  assert.deepEqual(await pending(frame), [['parted', 1]]);
  const drains = [page, frame].map((place) => place.evaluate(() => client.status.current.drainer));
  assert.deepEqual(await Promise.all(drains), [true, true], 'they are two installations');
  for (const place of [frame, page]) await place.evaluate(() => client.start());
  await until('all is there', async () => (await arrived(page)) === 'notes/frame,notes/page,notes/page too');
  const sees = async () => (await client.pull(), (await Promise.all(['frame', 'page', 'page too'].map((key) => notes.get(key)))).every((note) => note?.n === 1));
  for (const place of [page, frame]) await until('and is seen in both', () => place.evaluate(sees));
  await running.kill();
  profile.remove();
});

await test('s9: a frame to which the browser gives no store works from memory, and says so', async () => {
  // A private window keeps frames of other sites from all storage.
  const browser = await launch();
  const { page, frame } = await framed(await browser.newContext());
  for (const place of [page, frame]) await open(place, 'denied');
  assert.equal(await written(frame, 'frame'), 'memory');
  assert.deepEqual(await frame.evaluate(() => [client.status.current.storage.kind, client.status.current.error?.code]), ['memory', 'STORAGE_UNAVAILABLE']);
  assert.equal(await frame.evaluate(() => list().catch(({ code }) => code)), 'STORAGE_UNAVAILABLE');
  assert.equal(await written(page, 'page'), 'strict');
  for (const place of [frame, page]) await place.evaluate(() => client.start());
  await until('both arrive', async () => (await arrived(page)) === 'notes/frame,notes/page');
  await browser.close();
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual(observed.flatMap(({ errors }) => errors), []);
});

await server.stop();
close();
