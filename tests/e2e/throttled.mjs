// A tab that is hidden for long, whose timers run once a minute, drains for one that somebody looks at.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { close, test } from '../package/support/suite.mjs';
import { until } from './support/browser.mjs';
import { Browser } from './support/devtools.mjs';
import { startServer } from './support/server.mjs';

/** Hidden pages are slowed down at once, and not after five minutes. */
const SLOWED = ['--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1', '--intensive-wake-up-throttling-policy=1'];

/** How far apart their timers are then, and how long it takes to see that they are. */
const SLOWED_MS = 60_000;
const LOOK_MS = 5_000;
/** A drainer that says nothing for 5 s is asked whether it is there, and has 3 s to answer. */
const WRITES = 4;
const PAUSE_MS = 4_000;

const server = await startServer();
const browser = await Browser.fresh({ flags: SLOWED });

/** A tab with an open client, and a chain of timers, as long as it goes. */
async function tab(name) {
  const page = await browser.open(server.url);
  await page.evaluate(`(async () => {
    const { open } = await import('/pkg/index.js');
    window.client = await open({ name: '${name}', scope: '${name}', transport: { url: '/sync/' }, poll: { baseMs: 60_000, maxMs: 60_000 } });
    window.notes = client.documents('notes');
    window.beats = 0;
    const beat = () => setTimeout(() => { beats += 1; beat(); }, 100);
    beat();
  })()`);
  return page;
}

const drains = (page) => page.evaluate('client.status.current.drainer');
const put = (page, key, n) => page.evaluate(`notes.put('${key}', { n: ${n} }).settled.then(({ ending }) => ending)`);

await test('l6: a drainer whose timers run once a minute keeps nobody waiting, and is not taken for dead', async () => {
  const hidden = await tab('slow');
  await until('it drains', () => drains(hidden));
  const seen = await tab('slow');
  await seen.show();
  const beats = () => hidden.evaluate('beats');
  await until('its timers are slowed down', async () => {
    const before = await beats();
    await sleep(LOOK_MS);
    return (await beats()) - before <= 1;
  });
  const began = Date.now();
  for (let n = 0; n < WRITES; n += 1) {
    assert.equal(await put(seen, 'k', n), 'applied');
    await sleep(PAUSE_MS);
  }
  assert.ok(Date.now() - began < SLOWED_MS, 'no timer was waited for');
  assert.deepEqual(await Promise.all([hidden, seen].map(drains)), [true, false]);
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual(browser.failures, []);
});

await browser.close();
await server.stop();
close();
