// The module breaks on purpose, in each way it can, and the app goes on. Needs a package built with the feature `planted`.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { root } from './support/places.mjs';
import { documentsOf, startServer } from './support/server.mjs';

/** The package that can break; made here unless `SYNCLINE_PLANTED_PKG` names one. */
function plantedPackage() {
  const given = process.env.SYNCLINE_PLANTED_PKG;
  if (given !== undefined) return given;
  const folder = 'target/planted-package';
  execFileSync('cargo', ['xtask', 'pack', '--features', 'planted', '--out', folder], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return join(root, folder);
}

const server = await startServer({ packaged: plantedPackage() });
const browser = await launch();

/** A page with two clients of one module, and the engines behind them. Nothing of them reaches the server until `connect()`. */
async function visit(name) {
  const page = await (await browser.newContext()).newPage();
  const seen = observe(page);
  await page.goto(server.url);
  await page.route('**/sync/**', (route) => route.abort());
  await page.evaluate(async (name) => {
    const glue = await import('/pkg/syncline.js');
    const { open: make } = glue.Client;
    window.engines = [];
    glue.Client.open = (...given) => {
      window.engines.push(make.apply(glue.Client, given));
      return window.engines.at(-1);
    };
    const { open } = await import('/pkg/index.js');
    const options = { transport: { url: '/sync/' }, poll: { baseMs: 300, maxMs: 300 } };
    window.client = await open({ name, scope: name, ...options });
    window.other = await open({ name: `${name}-other`, scope: name, ...options });
    window.notes = client.documents('notes');
    window.phases = [];
    client.status.subscribe(({ phase }) => window.phases.push(phase));
    /** Breaks the module: later, or in a call of the other client. */
    window.plant = (kind) => {
      if (kind.startsWith('later')) return window.engines.at(-1).plant(kind);
      const { call } = glue.Client.prototype;
      glue.Client.prototype.call = function () {
        glue.Client.prototype.call = call;
        this.plant(kind);
      };
      try {
        other.documents('notes').put('broken', {});
      } catch ({ code }) {
        return code;
      }
    };
  }, name);
  const connect = async () => {
    await page.unroute('**/sync/**');
    await page.evaluate(() => dispatchEvent(new Event('online')));
  };
  return { page, seen, connect };
}

for (const kind of ['panic', 'overflow', 'later-panic', 'later-overflow']) {
  await test(`l11: ${kind}: what was durable goes on, what was not is rejected, and every client is back`, async () => {
    const { page, seen, connect } = await visit(kind);
    const broken = await page.evaluate(async (kind) => {
      window.heard = [];
      notes.watch('a').subscribe((value) => window.heard.push(value?.text));
      window.kept = notes.put('a', { text: 'kept' });
      await window.kept.durable;
      if (kind.startsWith('later')) window.plant(kind);
      window.lost = notes.put('b', { text: 'lost' });
      const splice = notes.splice('a', '/text', 4, 0, ', and not stored');
      const planted = kind.startsWith('later') ? undefined : window.plant(kind);
      const code = ({ code }) => code;
      const next = await new Promise((resolve) => setTimeout(() => {
        try {
          notes.put('c', {});
          resolve('nothing');
        } catch (error) {
          resolve(error.code);
        }
      }, kind.startsWith('later') ? 1_000 : 0));
      return { planted, next, lost: await window.lost.durable.catch(code), ending: (await window.lost.settled).error?.code, splice: await splice.durable.catch(code) };
    }, kind);
    if (kind.startsWith('later')) {
      // A timer of its own comes after the write was ordered, which then may have been stored.
      assert.ok(['nothing', 'WASM_PANIC'].includes(broken.next), broken.next);
    } else {
      assert.deepEqual(broken, { planted: 'WASM_PANIC', next: 'WASM_PANIC', lost: 'WASM_PANIC', ending: 'WASM_PANIC', splice: 'WASM_PANIC' });
    }
    await until('the client is back', () => page.evaluate(() => !['opening', 'dead'].includes(client.status.current.phase)));
    const after = await page.evaluate(async () => ({
      a: await notes.get('a'),
      b: (await notes.get('b')) ?? null,
      heard: window.heard.at(-1),
      phases: window.phases,
      engines: window.engines.length,
    }));
    assert.equal(after.engines, 4);
    assert.ok(after.phases.includes('opening'));
    if (!kind.startsWith('later')) assert.deepEqual([after.a, after.b, after.heard], [{ text: 'kept' }, null, 'kept']);

    await connect();
    const endings = await page.evaluate(async () => {
      const theirs = other.documents('notes').put('theirs', { n: 1 });
      return [(await window.kept.settled).ending, await theirs.durable, (await theirs.settled).ending];
    });
    assert.deepEqual(endings, ['applied', 'strict', 'applied']);
    await page.evaluate(() => notes.splice('a', '/text', 0, 4, 'Still here').settled);
    const documents = await documentsOf(server.url, seen.scope);
    assert.ok(documents.get('notes/a').text.startsWith('Still here'));
    assert.deepEqual(documents.get('notes/theirs'), { n: 1 });
  });
}

await test('after three times it is over, and says so', async () => {
  const { page } = await visit('thrice');
  for (let time = 1; time <= 4; time += 1) {
    await page.evaluate(() => window.plant('panic'));
    if (time < 4) await until(`it is back for the ${time}. time`, () => page.evaluate(() => !['opening', 'dead'].includes(client.status.current.phase)));
  }
  const end = await until('it is dead', () => page.evaluate(() => client.status.current.phase === 'dead' && client.status.current.error.code));
  assert.equal(end, 'WASM_PANIC');
  const code = await page.evaluate(() => notes.get('a').catch(({ code }) => code));
  assert.equal(code, 'WASM_PANIC');
});

await browser.close();
await server.stop();
close();
