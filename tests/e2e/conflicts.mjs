// Conflicts that no rule settles, in a real browser against the real server: two devices of one user, of which one asks the app's function, or a
// person. Whatever the function does, nothing is lost, and in the end both devices and the server have the same.

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { documentsOf, startServer } from './support/server.mjs';

const server = await startServer();
const browser = await launch();

/** A device of the user `name`, whose conflicts in notes are settled so: the text of a strategy. */
async function device(name, strategy) {
  const page = await (await browser.newContext()).newPage();
  page.seen = observe(page);
  await page.goto(server.url);
  await openIn(page, name, strategy);
  return page;
}

async function openIn(page, name, strategy) {
  // The page's own policy lets nothing be evaluated in it.
  await page.evaluate(`void (window.strategy = ${strategy})`);
  await page.evaluate(async (name) => {
    const { open } = await import('/pkg/index.js');
    Object.assign(window, { errors: [], reports: [] });
    window.client = await open({
      name,
      scope: name,
      transport: { url: '/sync/' },
      poll: { baseMs: 200, maxMs: 200 },
      collections: { notes: { conflict: strategy } },
    });
    client.on('error', ({ code }) => errors.push(code));
    client.on('conflict', ({ conflicts }) => reports.push(...conflicts));
    window.notes = client.documents('notes');
  }, name);
}

const BASE = { title: 'both', mine: 0, theirs: 0 };

/** Two devices that have changed the title of one note, each to something else, and another field each. The first one settles conflicts so. */
async function clash(name, strategy) {
  const [mine, theirs] = [await device(name, strategy), await device(name, `'manual'`)];
  await theirs.evaluate((base) => notes.put('n', base).settled, BASE);
  await until('the other one has it', () => see(mine));
  await mine.evaluate(() => client.stop());
  await mine.evaluate(() => notes.update('n', { title: 'mine', mine: 1 }).durable);
  await theirs.evaluate(() => notes.update('n', { title: 'theirs', theirs: 1 }).settled);
  await mine.evaluate(() => client.start());
  return { mine, theirs };
}

const see = (page) => page.evaluate(() => notes.get('n'));
const listed = (page) => page.evaluate(() => client.conflicts.current.map(({ resolve, id, mutationIds, ...conflict }) => conflict));

/** Both devices and the server come to have this, and nothing waits. */
async function comeTo({ mine, theirs }, document) {
  const same = (one) => JSON.stringify(one && Object.entries(one).sort()) === JSON.stringify(Object.entries(document).sort());
  const everywhere = async () => [await see(mine), await see(theirs), (await documentsOf(server.url, mine.seen.scope)).get('notes/n')];
  await until(`${JSON.stringify(document)} everywhere`, async () => (await everywhere()).every(same)).catch(async (error) => {
    throw new Error(`${error.message}: ${JSON.stringify(await everywhere())}`);
  });
  assert.equal(await mine.evaluate(() => client.waitForPendingUpdates({ timeoutMs: 5_000 })), true);
  const { conflicts, pendingMutations, inbox } = await mine.evaluate(() => client.status.current);
  assert.deepEqual([conflicts, pendingMutations, inbox], [0, 0, 0]);
  for (const page of [mine, theirs]) {
    assert.deepEqual(page.seen.errors, []);
    await page.context().close();
  }
}

for (const [name, strategy] of [
  ['sync', `({ mine, theirs, fields }) => ({ value: { ...mine, title: fields.join() + mine.title + '+' + theirs.title } })`],
  ['async', `async ({ mine, theirs, fields }) => { await new Promise((go) => setTimeout(go, 300)); return { value: { ...mine, title: fields.join() + mine.title + '+' + theirs.title } }; }`],
]) {
  await test(`i12: a function that is ${name} settles what no rule does`, async () => {
    const both = await clash(`resolve-${name}`, strategy);
    await until('it is settled', () => both.mine.evaluate(() => reports.length > 0));
    assert.deepEqual(await both.mine.evaluate(() => reports.map(({ place, rule, taken }) => [place, rule, taken])), [['/title', 'app', 'other']]);
    await comeTo(both, { title: '/titlemine+theirs', mine: 1, theirs: 1 });
  });
}

for (const [name, strategy, errors] of [
  ['throws', `() => { throw new Error('no'); }`, ['VALIDATION']],
  ['rejects', `async () => { throw new Error('no'); }`, ['VALIDATION']],
  ['says nonsense', `() => ({ take: 'everything' })`, ['VALIDATION']],
  ['defers', `() => ({ defer: true })`, []],
]) {
  await test(`i12: a function that ${name} leaves it to a person, who resolves it behind a reload`, async () => {
    const user = `resolve-${name.replace(/ .*/, '')}`;
    const both = await clash(user, strategy);
    const { mine } = both;
    const found = await until('it is listed', async () => (await listed(mine))[0]);
    const sides = { base: BASE, mine: { title: 'mine', mine: 1, theirs: 1 }, theirs: { title: 'theirs', mine: 0, theirs: 1 } };
    assert.deepEqual(found, { collection: 'notes', key: 'n', ...sides, fields: ['/title'] });
    assert.deepEqual(await mine.evaluate(() => errors), errors);
    assert.deepEqual([await see(mine), (await mine.evaluate(() => client.status.current)).phase], [sides.mine, 'idle']);
    // Only its own document waits, and that can be edited.
    await mine.evaluate(() => notes.put('other', {}).settled);
    await mine.evaluate(() => notes.update('n', { mine: 2 }).durable);
    await mine.reload();
    await openIn(mine, user, strategy);
    const again = await until('it is listed again', async () => (await listed(mine))[0]);
    assert.deepEqual([again.base, again.mine, again.theirs], [BASE, { ...sides.mine, mine: 2 }, sides.theirs]);
    await mine.evaluate(() => client.conflicts.current[0].resolve({ take: 'mine' }));
    await comeTo(both, { title: 'mine', mine: 2, theirs: 1 });
  });
}

await test('i12: a function that hangs is waited for no longer than 30 seconds, and what was written meanwhile is there', async () => {
  const both = await clash('resolve-hangs', `() => new Promise(() => {})`);
  const { mine } = both;
  await mine.evaluate(() => notes.update('n', { mine: 2 }).durable);
  assert.deepEqual(await listed(mine), []);
  const found = await until('it is listed', async () => (await listed(mine))[0], 40_000);
  assert.deepEqual([found.mine.mine, found.theirs.title], [2, 'theirs']);
  await mine.evaluate(() => client.conflicts.current[0].resolve({ take: 'theirs' }));
  await comeTo(both, { title: 'theirs', mine: 0, theirs: 1 });
});

await test('i12: a decision about what has moved meanwhile is refused, and the next one counts', async () => {
  const both = await clash('resolve-moved', `'manual'`);
  const { mine, theirs } = both;
  await until('it is listed', async () => (await listed(mine))[0]);
  await mine.evaluate(() => (window.stale = client.conflicts.current[0]));
  await theirs.evaluate(() => notes.update('n', { theirs: 2 }).settled);
  await until('the list has it', async () => (await listed(mine))[0].theirs.theirs === 2);
  const refused = await mine.evaluate(() => stale.resolve({ take: 'theirs' }).catch(({ code, hint }) => [code, hint !== '']));
  assert.deepEqual(refused, ['ABORTED', true]);
  await mine.evaluate(() => client.conflicts.current[0].resolve({ value: { title: 'ours', mine: 3, theirs: 3 } }));
  await comeTo(both, { title: 'ours', mine: 3, theirs: 3 });
});

await test('c6: another tab lists it and resolves it', async () => {
  const both = await clash('resolve-tabs', `'manual'`);
  const { mine } = both;
  await until('it is listed', async () => (await listed(mine))[0]);
  const tab = await mine.context().newPage();
  tab.seen = observe(tab);
  await tab.goto(server.url);
  await openIn(tab, 'resolve-tabs', `'manual'`);
  await until('it is listed there', async () => (await listed(tab))[0]);
  await tab.evaluate(() => client.conflicts.current[0].resolve({ take: 'mine' }));
  await until('it is over there', async () => (await listed(tab)).length === 0);
  await comeTo(both, { title: 'mine', mine: 1, theirs: 1 });
});

await browser.close();
await server.stop();
close();
