// The golden cases that Rust passes too: operations, notices, options.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { opened, root, stage } from './stage.mjs';

const vectors = (name) => JSON.parse(readFileSync(join(root, `tests/vectors/${name}.json`), 'utf8'));

/** What only the engine finds: it sends operations that it has applied, and holds numbers and hashes that a double cannot. */
const NOT_LOOKED_FOR = ['moved', 'splitsPair'];
const BEYOND_DOUBLES = ['integers are exact to 64 bits', 'a sum out of range is refused', 'a double sum out of range is refused'];

test('operations do what is written', async () => {
  const { load } = await stage();
  const { apply, freeze } = await load('apply.js');
  const cases = vectors('operations');
  assert.ok(cases.length > 50);
  for (const { name, document, operations, result, gone, error } of cases) {
    if (NOT_LOOKED_FOR.includes(error) || BEYOND_DOUBLES.includes(name)) continue;
    const before = JSON.stringify(document);
    const run = () => apply(freeze(document), operations);
    if (error) assert.throws(run, TypeError, name);
    else assert.deepStrictEqual(run(), gone ? undefined : result, name);
    assert.equal(JSON.stringify(document), before, name);
  }
});

test('every notice is understood', async () => {
  const { load, facade } = await stage();
  const { Fold } = await load('fold.js');
  const told = async (notice) => {
    const asks = [];
    const owner = {
      hold() {},
      observe() {},
      load: () => new Promise(() => {}),
      opened: (client) => (owner.heard = client),
      openFailed: (error) => (owner.heard = error),
      tokenWanted: (reason) => (owner.heard = reason),
      tokenGivenUp: () => (owner.heard = 'given up'),
      ask: async (...call) => void asks.push(call),
    };
    const fold = new Fold(owner);
    const [first, second] = ['018f3c00-0000-7000-8000-000000000001', '018f3c00-0000-7000-8000-000000000002'];
    const batches = [first, second].map((id) => fold.mutations.follow([id]));
    const cell = fold.cells.at('notes', 'a/ü');
    const item = fold.items.at('notes', 'a/ü');
    const troubles = [];
    const reports = [];
    fold.conflict.subscribe((report) => reports.push(report));
    fold.trouble.subscribe((error) => troubles.push(error));
    fold.turn(JSON.stringify([{ notice: 'changed', address: { collection: 'notes', key: 'a/ü' }, change: { change: 'value', value: { text: '123456' } } }]));
    const asked = fold.answer(6).then(() => 'answered', (error) => error);
    fold.turn(JSON.stringify([notice]));
    await Promise.resolve();
    return { fold, owner, asks, batches, cell, item, troubles, reports, asked };
  };
  const isError = (error, code) => assert.ok(error instanceof facade.SyncError && error.code === code, String(error));
  const checks = {
    opened: ({ owner }, { client }) => assert.equal(owner.heard, client),
    openFailed: ({ owner }, { error }) => isError(owner.heard, error.code),
    tokenWanted: ({ owner }, { reason }) => assert.equal(owner.heard, reason),
    tokenGivenUp: ({ owner }) => assert.equal(owner.heard, 'given up'),
    changed({ cell }, { change }) {
      if (change.change === 'value') assert.deepEqual(cell.current(), change.value && JSON.parse(JSON.stringify(change.value)));
      else assert.deepEqual(cell.current(), { text: '12345😀', n: 9007199254740992, tags: {} });
    },
    durable: async ({ batches }, { durability }) => assert.deepEqual(await Promise.all(batches.map(({ durable }) => durable)), [durability, durability]),
    async settled({ batches }, { ending: { error, ...ending } }) {
      const [{ error: told, ...rest }] = await batches[0].settled;
      assert.deepEqual(rest, ending);
      if (error) isError(told, error.code);
      else assert.equal(told, undefined);
    },
    answered: async ({ asked }, { error }) => (error ? isError(await asked, error.code) : assert.equal(await asked, 'answered')),
    item: ({ item }, { state, lastSync }) => assert.deepEqual(item.current(), { state, lastSync }),
    inboxAdded({ fold }, { item, write }) {
      const [{ id, ending, error, documents, base }] = fold.inbox.source.current;
      assert.deepEqual([id, ending, documents.length, documents[0].key], [item.entry, item.ending, write.documents.length, write.documents[0].key]);
      assert.deepEqual(base, write.documents[0].base ?? null);
      isError(error, item.error.code);
    },
    conflicted: ({ reports }, { address, conflicts }) => assert.deepEqual(reports, [{ ...address, conflicts }]),
    async unresolved({ fold, asks }, { address, digest, mine, fields, mutations, asked }) {
      if (asked) {
        await new Promise((resolve) => setTimeout(resolve));
        return assert.deepEqual(asks, [['resolve', address.collection, address.key, `{"digest":"${digest}","take":"defer"}`]]);
      }
      const [{ id, collection, key, ...rest }] = fold.conflicts.source.current;
      assert.deepEqual([id, collection, key, rest.mine.text, rest.fields, rest.mutationIds], [mutations[0], address.collection, address.key, mine.text, fields, mutations]);
      assert.deepEqual([rest.base, rest.theirs], [undefined, undefined]);
    },
    resolved: ({ fold }) => assert.deepEqual(fold.conflicts.source.current, []),
    inboxRemoved: ({ fold }) => assert.deepEqual(fold.inbox.source.current, []),
    pendingItems: ({ fold }, { added }) => assert.deepEqual(fold.pending.source.current, added),
    troubled: ({ troubles }, { error }) => isError(troubles[0], error.code),
    reset({ fold }, { recovered, lost }) {
      const heard = [];
      fold.storage.subscribe((report) => heard.push(report));
      assert.deepEqual(heard, [{ reset: true, recovered, lost }]);
    },
    status({ fold }, { notice, storage, mirror, error, ...members }) {
      const { storage: kept, error: wrong, ...rest } = fold.status.current;
      assert.deepEqual(rest, members);
      assert.deepEqual([kept.kind, kept.mirror], [storage, mirror ? 'on' : 'off']);
      if (error) isError(wrong, error.code);
      else assert.equal(wrong, null);
    },
  };
  const { notices } = vectors('notices');
  for (const { name, notice } of notices) {
    assert.ok(checks[notice.notice], `nobody checks ${name}`);
    await checks[notice.notice](await told(notice), notice);
  }
  assert.deepEqual([...new Set(notices.map(({ notice }) => notice.notice))].sort(), Object.keys(checks).sort());
});

test('a scope has the hash that the module gives it', async () => {
  const { load } = await stage();
  const { hash } = await load('hash.js');
  const { scopes } = vectors('scopes');
  assert.ok(scopes.length > 5);
  for (const { name, scope, hash: hashed } of scopes) assert.equal(hash(scope), hashed, name);
});

test('the options of the package are options of the engine', async () => {
  const { engine } = await opened({
    transport: { url: 'http://server/' },
    auth: () => null,
    collections: { votes: { coalesce: false } },
    storage: { durability: 'strict' },
    poll: { baseMs: 1, maxMs: 2 },
    batch: { windowMs: 3, itemsMax: 4, bytesMax: 5 },
  });
  const known = Object.keys(vectors('options').options[0].options);
  const given = Object.keys(engine.options.config);
  assert.equal(given.length, 11);
  for (const option of given) assert.ok(known.includes(option), option);
});

/** What the engine says beside the kind of storage is a part of that. */
const OF_STORAGE = ['mirror'];

test('the status of the engine is the status of the package', () => {
  const { notices } = vectors('notices');
  const { notice } = notices.find(({ name }) => name === 'status: with every member');
  const [, typed] = /export interface SyncStatus \{(.*?)^\}/ms.exec(readFileSync(join(root, 'src/js/index.d.ts'), 'utf8'));
  const names = [...typed.matchAll(/^ {2}readonly (\w+):/gm)].map(([, name]) => name);
  assert.deepEqual(names.sort(), Object.keys(notice).filter((name) => name !== 'notice' && !OF_STORAGE.includes(name)).sort());
});

test('the phases of the engine are phases of the package', () => {
  const rust = readFileSync(join(root, 'src/engine/notice.rs'), 'utf8');
  const [, body] = /pub enum Phase \{([^}]*)\}/.exec(rust);
  const phases = [...body.matchAll(/^ {4}(\w+),/gm)].map(([, name]) => name.replace(/(?!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase());
  const [, named] = /export type Phase = ([^;]*);/.exec(readFileSync(join(root, 'src/js/index.d.ts'), 'utf8'));
  const [, shown] = /const PHASES = \{([^}]*)\}/.exec(readFileSync(join(root, 'www/figures.js'), 'utf8'));
  assert.ok(phases.length > 8);
  for (const phase of [...phases, 'dead']) {
    assert.ok(named.includes(`'${phase}'`), phase);
    assert.match(shown, new RegExp(`(^|\\s)'?${phase}'?:`), phase);
  }
});
