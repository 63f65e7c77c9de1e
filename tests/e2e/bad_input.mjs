// A server that answers nonsense: each time a typed error in the status, nothing lost, the page goes on; and once the server
// behaves, each write arrives exactly once.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { json, startHostile } from './support/hostile.mjs';

const HTML = '<!doctype html><title>Sign in</title><p>Welcome to the network of this hotel.';
const cut = (value) => JSON.stringify(value).slice(0, -3);

/** Answers that are wrong for a push and for a pull alike: the error that the app is told, and how it is given. */
const NONSENSE = {
  'html': ['PROTOCOL', (response) => json(response, HTML, 200, 'text/html')],
  'html-called-json': ['PROTOCOL', (response) => json(response, HTML)],
  'json-called-html': ['PROTOCOL', (response, truth) => json(response, truth, 200, 'text/html')],
  'truncated-json': ['PROTOCOL', (response, truth) => json(response, cut(truth))],
  'truncated-body': [
    'PROTOCOL',
    (response, truth) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100000' });
      response.write(JSON.stringify(truth), () => response.destroy());
    },
  ],
  'no-answer': ['NETWORK', (response) => response.destroy()],
  'empty': ['PROTOCOL', (response) => json(response, '')],
  'null': ['PROTOCOL', (response) => json(response, 'null')],
  'list': ['PROTOCOL', (response) => json(response, [])],
  'no-members': ['PROTOCOL', (response) => json(response, {})],
  'invalid-utf8': [
    'PROTOCOL',
    (response, truth) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(Buffer.concat([Buffer.from(JSON.stringify({ ...truth, note: '' }).slice(0, -2)), Buffer.from([0xff, 0xfe, 0x22, 0x7d])]));
    },
  ],
  'redirect': ['NETWORK', (response) => response.writeHead(302, { location: '/index.html' }).end()],
  'no-content': ['HTTP', (response) => response.writeHead(204).end()],
  'server-error': ['HTTP', (response) => json(response, HTML, 500, 'text/html')],
  'bad-gateway': ['HTTP', (response) => json(response, HTML, 502, 'text/html')],
  'teapot': ['HTTP', (response) => json(response, {}, 418)],
  'no-generation': ['PROTOCOL', (response, { generation, ...truth }) => json(response, truth)],
  'deep': ['PROTOCOL', (response) => json(response, `${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
};

/** More than a client reads of one answer, a piece at a time. */
async function oversized(response, truth) {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write(`${JSON.stringify(truth).slice(0, -1)},"padding":"`);
  const piece = 'x'.repeat(1 << 20);
  for (let pieces = 0; pieces < 70 && !response.destroyed; pieces += 1) {
    await new Promise((resolve) => response.write(piece, resolve));
  }
  response.end('"}');
}

const PUSH_ONLY = {
  'wrong-typed': ['PROTOCOL', (response, truth) => json(response, { ...truth, outcomes: { ...truth.outcomes } })],
  'wrong-typed-outcome': ['PROTOCOL', (response, truth) => json(response, { ...truth, outcomes: [7] })],
  'oversized': ['PROTOCOL', oversized],
  'not-stored': ['HTTP', Object.assign((response) => json(response, {}, 503), { loses: true })],
};

const PULL_ONLY = {
  'wrong-typed': ['PROTOCOL', (response, truth) => json(response, { ...truth, changes: 'none' })],
  'wrong-cursor': ['PROTOCOL', (response, truth) => json(response, { ...truth, cursor: 5 })],
  'no-changes': ['PROTOCOL', (response, { changes, ...truth }) => json(response, truth)],
  'cached': ['PROTOCOL', (response, truth) => json(response, { ...truth, request: 'of another time' })],
};

const hostile = await startHostile();
const browser = await launch();
const page = await browser.newPage();
const seen = observe(page);
await page.goto(hostile.url);

/** Opens a client for a story; all of them live in one page, one module. Its troubles are noted, since the next answer may end them. */
const open = (story, pollMs) =>
  page.evaluate(
    async ([story, pollMs]) => {
      const { open, SyncError } = await import('/pkg/index.js');
      const client = await open({ name: story, scope: story, transport: { url: `/sync/${story}/` }, poll: { baseMs: pollMs, maxMs: pollMs } });
      const troubles = [];
      client.status.subscribe(({ error, pendingMutations, inbox }) => {
        if (error) troubles.push({ code: error instanceof SyncError && error.code, pendingMutations, inbox });
      });
      window.stories ??= new Map();
      window.stories.set(story, { client, notes: client.documents('notes'), troubles });
    },
    [story, pollMs],
  );

const trouble = (story) => until(`${story} is told`, () => page.evaluate((story) => window.stories.get(story).troubles[0], story), 60_000);
const status = (story) =>
  page.evaluate((story) => {
    const { error, ...status } = window.stories.get(story).client.status.current;
    return { ...status, code: error?.code ?? null };
  }, story);

/** A write under a server that lies about it, and then no longer. Nothing is pulled meanwhile, or that would tell the truth. */
async function push([name, [code, lie]]) {
  const story = `push-${name}`;
  await open(story, 600_000);
  await page.evaluate((story) => window.stories.get(story).notes.put('before', { n: 0 }).settled, story);
  hostile.lies.set(story, { push: lie });
  const [durable, id] = await page.evaluate(async (story) => {
    const it = window.stories.get(story);
    it.write = it.notes.put('a', { text: 'kept 😀' });
    return [await it.write.durable, it.write.id];
  }, story);
  assert.equal(durable, 'strict');
  assert.deepEqual(await trouble(story), { code, pendingMutations: 1, inbox: 0 });
  // The page goes on: it reads and writes meanwhile.
  const meanwhile = await page.evaluate(async (story) => {
    const { notes } = window.stories.get(story);
    notes.put('b', { n: 2 });
    return [await notes.get('before'), await notes.get('a'), notes.peek('b')];
  }, story);
  assert.deepEqual(meanwhile, [{ n: 0 }, { text: 'kept 😀' }, { n: 2 }]);

  hostile.lies.delete(story);
  await until(`${story} has sent everything`, async () => (await status(story)).pendingMutations === 0, 90_000);
  assert.equal(await page.evaluate(async (story) => (await window.stories.get(story).write.settled).ending, story), 'applied');
  assert.equal((await status(story)).code, null);
  const { log } = hostile.story(story);
  assert.deepEqual(log.filter(({ key }) => key === 'a').map(({ id: stored, value }) => [stored, value]), [[id, { text: 'kept 😀' }]]);
  assert.equal(log.length, 3);
}

/** Pulls that are answered with a lie, and then no longer. */
async function pull([name, [code, lie]]) {
  const story = `pull-${name}`;
  await open(story, 200);
  await page.evaluate((story) => window.stories.get(story).notes.put('mine', { n: 1 }).settled, story);
  hostile.lies.set(story, { pull: lie });
  hostile.story(story).log.push({ collection: 'notes', key: 'theirs', id: 'e', op: 'put', value: { n: 2 } });
  assert.equal((await trouble(story)).code, code);
  const kept = await page.evaluate(async (story) => {
    const { notes } = window.stories.get(story);
    return [await notes.get('mine'), await notes.get('theirs')];
  }, story);
  assert.deepEqual(kept, [{ n: 1 }, undefined]);
  hostile.lies.delete(story);
  await until(`${story} catches up`, () => page.evaluate(async (story) => (await window.stories.get(story).notes.get('theirs'))?.n === 2, story), 60_000);
}

/** So many clients open at once; of more, a busy machine cannot open the stores in time. */
const AT_ONCE = 12;

/** Runs stories side by side, since most of their time is waiting, and reports each as a test. */
async function tell(kind, stories, run) {
  for (let at = 0; at < stories.length; at += AT_ONCE) {
    const running = stories.slice(at, at + AT_ONCE).map((story) => ({ name: story[0], ended: run(story) }));
    await Promise.allSettled(running.map(({ ended }) => ended));
    for (const { name, ended } of running) await test(`${kind} answered with ${name}`, () => ended);
  }
}

await tell('a push', Object.entries({ ...NONSENSE, ...PUSH_ONLY }), push);
await tell('a pull', Object.entries({ ...NONSENSE, ...PULL_ONLY }), pull);

await test('h12, h13: an outcome that is missing is asked for again, and one that nobody asked for is ignored', async () => {
  const story = 'outcomes';
  await open(story, 600_000);
  let answers = 0;
  hostile.lies.set(story, {
    push(response, truth) {
      answers += 1;
      const [first, ...rest] = truth.outcomes;
      const strangers = [{ id: 'nobody', outcome: 'ok', seq: 1, version: 'g.1' }, { id: 'nobody', outcome: 'rejected', code: 'x', message: '' }, { outcome: 'ok' }];
      json(response, { ...truth, outcomes: answers === 1 ? [...strangers, ...rest] : [...strangers, ...truth.outcomes, { ...first, outcome: 'rejected', code: 'late', message: '' }] });
    },
  });
  const endings = await page.evaluate(async (story) => {
    const { settled } = window.stories.get(story).notes.putAll([['a', { n: 1 }], ['b', { n: 2 }], ['c', { n: 3 }]]);
    return (await settled).map(({ ending }) => ending);
  }, story);
  assert.deepEqual(endings, ['applied', 'applied', 'applied']);
  assert.ok(answers >= 2);
  assert.deepEqual(hostile.story(story).log.map(({ key }) => key), ['a', 'b', 'c']);
});

await test('p3: a change that cannot be read is set aside, and the rest of its page is there', async () => {
  const story = 'unreadable';
  await open(story, 200);
  hostile.lies.set(story, {
    pull(response, truth) {
      const fine = { collection: 'notes', version: 'g.1', seq: 1 };
      const strange = [
        '{"collection":"notes","key":"large","version":"g.1","seq":1,"value":{"n":1e400}}',
        '{"collection":"notes","key":"surrogate","version":"g.1","seq":1,"value":{"text":"\\ud800"}}',
        `{"collection":"notes","key":"deep","version":"g.1","seq":1,"value":${'['.repeat(101)}${']'.repeat(101)}}`,
        '{"collection":"notes","key":"nothing","version":"g.1","seq":1}',
        JSON.stringify({ ...fine, key: 'fine', value: { n: 1 } }),
        '{"collection":"notes","key":"proto","version":"g.1","seq":1,"value":{"__proto__":{"polluted":true},"n":2}}',
        '{"collection":"notes","key":"exact","version":"g.1","seq":1,"value":{"big":9007199254740993,"zero":-0}}',
      ];
      const page = JSON.stringify({ ...truth, changes: [], cursor: '1' }).replace('"changes":[]', `"changes":[${truth.cursor === '1' ? '' : strange.join()}]`);
      json(response, page);
    },
  });
  const found = await page.evaluate(async (story) => {
    const { client, notes } = window.stories.get(story);
    const errors = [];
    client.on('error', ({ code }) => errors.push(code));
    for (let tries = 0; tries < 100 && notes.peek('exact') === undefined; tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    const proto = notes.peek('proto');
    notes.update('exact', (draft) => {
      draft.more = true;
    });
    return {
      errors: [...new Set(errors)],
      fine: notes.peek('fine'),
      proto: JSON.stringify(proto),
      isClean: Object.getPrototypeOf(proto) === Object.prototype && proto.polluted === undefined && {}.polluted === undefined,
      absent: ['large', 'surrogate', 'deep', 'nothing'].map((key) => notes.peek(key) ?? null),
      big: notes.peek('exact').big,
    };
  }, story);
  assert.deepEqual(found, {
    errors: ['PROTOCOL'],
    fine: { n: 1 },
    proto: '{"__proto__":{"polluted":true},"n":2}',
    isClean: true,
    absent: [null, null, null, null],
    big: 9007199254740992,
  });
});

await test('a1: an answer for another user pauses the client, and nothing of it is taken', async () => {
  const story = 'scope';
  await open(story, 200);
  hostile.lies.set(story, { pull: (response, truth) => json(response, { ...truth, scope: 'somebody else', changes: [{ collection: 'notes', key: 'theirs', version: 'g.1', seq: 1, value: { n: 1 } }] }) });
  await until('it is paused', async () => (await status(story)).phase === 'paused');
  assert.equal((await status(story)).code, 'WRONG_SCOPE');
  assert.equal(await page.evaluate((story) => window.stories.get(story).notes.peek('theirs') === undefined, story), true);
});

await test('the page saw no uncaught error', () => {
  assert.deepEqual(seen.errors, []);
});

await browser.close();
await hostile.stop();
close();
