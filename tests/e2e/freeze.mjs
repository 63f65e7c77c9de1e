// Tabs that really stand still: one whose page the browser freezes, and one whose process is stopped. The other tab takes over, and
// what the old drainer does late changes nothing.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { close, test } from '../package/support/suite.mjs';
import { until } from './support/browser.mjs';
import { Browser } from './support/devtools.mjs';
import { startServer } from './support/server.mjs';

/** What the other tab takes at most: it asks after 5 s of silence and takes the lock 3 s later. The rest is a slow machine's. */
const TAKEN_OVER_MS = 8_000 + 4_000;
/** A page whose lifecycle the browser rules gives its place up itself. */
const GIVEN_UP_MS = 3_000;
/** Longer than the timers of a hidden page are apart. */
const STILL_MS = 2_500;

const server = await startServer({ flags: ['--keep-values'] });
const browser = await Browser.fresh();

/**
 * A tab with an open client, and a timer that counts in the storage that all tabs share. Its pushes leave when `gate` lets them, whether
 * or not the client has given them up by then, as those do that are on their way.
 */
async function tab(name, label) {
  const page = await browser.open(server.url);
  await page.evaluate(`(async () => {
    const { open } = await import('/pkg/index.js');
    window.gate = Promise.resolve();
    window.answers = [];
    const fetched = async (url, options) => {
      const isPush = String(url).endsWith('/push');
      if (isPush) await gate;
      const reply = await fetch(url, isPush ? { ...options, signal: undefined } : options);
      if (isPush) answers.push(await reply.clone().text());
      return reply;
    };
    window.client = await open({ name: '${name}', scope: '${name}', transport: { url: '/sync/', fetch: fetched }, poll: { baseMs: 60_000, maxMs: 60_000 } });
    window.notes = client.documents('notes');
    window.seen = [];
    notes.watch('k').subscribe((value) => seen.push(value?.n));
    document.addEventListener('freeze', () => report('frozen'));
    let beats = 0;
    setInterval(() => localStorage.setItem('${name}/${label}', (beats += 1)), 100);
  })()`);
  return page;
}

const drains = (page) => page.evaluate('client.status.current.drainer');
const put = (page, key, n) => page.evaluate(`notes.put('${key}', { n: ${n} }).settled.then(({ ending }) => ending)`);
const history = async (scope) => {
  const kept = await (await fetch(`${server.url}/test/history?limit=1000`)).json();
  return kept.filter(({ key }) => key.startsWith(scope)).map(({ key, value }) => [key, JSON.parse(value)?.n]);
};

/** The process that draws a page: the one that works when the page does. */
async function processOf(page) {
  const times = async () => {
    const { processInfo } = await browser.send('SystemInfo.getProcessInfo');
    return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]));
  };
  const before = await times();
  await page.evaluate('for (const end = performance.now() + 700; performance.now() < end; );');
  const spent = [...(await times())].map(([id, time]) => [time - (before.get(id) ?? time), id]);
  return spent.sort(([one], [other]) => other - one)[0][1];
}

/** How a tab is made to stand still, and to go on. */
const STANDING_STILL = {
  frozen: {
    within: GIVEN_UP_MS,
    async stop(page) {
      const told = once(page, 'report');
      await page.send('Page.setWebLifecycleState', { state: 'frozen' });
      await told;
      return () => page.send('Page.setWebLifecycleState', { state: 'active' });
    },
  },
  stopped: {
    within: TAKEN_OVER_MS,
    async stop(page) {
      const pid = await processOf(page);
      process.kill(pid, 'SIGSTOP');
      return async () => process.kill(pid, 'SIGCONT');
    },
  },
};

for (const [how, { within, stop }] of Object.entries(STANDING_STILL)) {
  await test(`c1, c2, l3: a drainer that is ${how} is replaced in time, its late request is fenced off, and it becomes a follower`, async () => {
    const old = await tab(how, 'old');
    await until('it drains', () => drains(old));
    const other = await tab(how, 'other');
    assert.equal(await put(other, `${how}/first`, 1), 'applied');
    assert.equal(await drains(other), false);

    // A push of the old drainer is fixed and about to leave, and more is to follow, when it stands still.
    await old.evaluate(`{ answers.length = 0; window.gate = new Promise((open) => (window.openGate = open)); notes.put('${how}/late', { n: 2 }); }`);
    await until('its push is about to leave', () => old.evaluate(`notes.status('${how}/late').current.state === 'syncing'`));
    await old.evaluate(`Promise.all([notes.put('${how}/late', { n: 3 }).durable, notes.put('k', { n: 4 }).durable])`);
    await other.show();
    const goOn = await stop(old);
    const beats = () => other.evaluate(`localStorage.getItem('${how}/old')`);
    await until('its timers have stopped', async () => {
      const before = await beats();
      await sleep(STILL_MS);
      return (await beats()) === before;
    });
    const still = await beats();

    const began = Date.now();
    assert.equal(await put(other, `${how}/second`, 5), 'applied', 'another tab does what it did');
    const took = Date.now() - began;
    assert.ok(took < within, `that took ${took} ms`);
    assert.equal(await drains(other), true);
    await until('what the old one had stored is sent', () => other.evaluate('client.status.current.pendingMutations === 0'));
    const sent = await history(how);
    assert.deepEqual(sent.filter(([key]) => key === `${how}/late`).map(([, n]) => n), [2, 3]);
    assert.equal(await beats(), still, 'the old one has stood still all the time');

    await goOn();
    await until('the old one has found out', async () => !(await drains(old)));
    await old.evaluate('openGate()');
    await until('its push is answered', () => old.evaluate('answers.length > 0'));
    assert.match(await old.evaluate('answers[0]'), /"fenced"/);
    assert.deepEqual(await history(how), sent, 'it has changed nothing');
    assert.equal(await put(old, 'k', 6), 'applied', 'it writes as any other tab');
    for (const page of [old, other]) await until('both see it', () => page.evaluate('seen.at(-1) === 6'));
    assert.deepEqual(await Promise.all([old, other].map(drains)), [false, true]);
    assert.equal(await old.evaluate('client.status.current.phase'), 'idle');
    await Promise.all([old, other].map((page) => page.close()));
  });
}

await test('l3: a follower that is frozen is not given the lock, and is one of the tabs again when it goes on', async () => {
  const drainer = await tab('queue', 'drainer');
  await until('it drains', () => drains(drainer));
  // It would be the next one.
  const frozen = await tab('queue', 'frozen');
  const awake = await tab('queue', 'awake');
  const goOn = await STANDING_STILL.frozen.stop(frozen);
  await drainer.close();
  await until('the one that is awake drains', () => drains(awake), GIVEN_UP_MS);
  assert.equal(await put(awake, 'k', 1), 'applied');
  await goOn();
  await until('the other one sees it', () => frozen.evaluate('seen.at(-1) === 1'));
  assert.equal(await put(frozen, 'k', 2), 'applied');
  await until('and is seen', () => awake.evaluate('seen.at(-1) === 2'));
  assert.deepEqual(await Promise.all([frozen, awake].map(drains)), [false, true]);
});

await test('no page saw an uncaught error', () => {
  assert.deepEqual(browser.failures, []);
});

await browser.close();
await server.stop();
close();
