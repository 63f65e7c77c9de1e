// What the engine tells, as its golden vectors have it, is what the JavaScript half understands.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { root, settle, sources, stage } from './stage.mjs';

const { facade, load } = await stage();
const { Fold } = await load('fold.js');
const { notices } = JSON.parse(readFileSync(join(root, 'tests/vectors/notices.json'), 'utf8'));
const named = new Map(notices.map(({ name, notice }) => [name, notice]));

const ID = named.get('settled: applied').mutation;

/** A fold that was told these vectors, one a turn, and what it told on. */
function told(...names) {
  const heard = [];
  const owner = { hold() {}, observe() {}, load: async () => {}, opened: (client) => heard.push(client), openFailed: (error) => heard.push(error) };
  const fold = new Fold(owner);
  fold.trouble.subscribe((error) => heard.push(error));
  const cell = fold.cells.at('notes', 'a/ü');
  const asked = fold.answer(6);
  const write = fold.mutations.follow([ID]);
  for (const name of names) fold.turn(JSON.stringify([named.get(name)]));
  return { fold, cell, asked, write, heard };
}

function isError(error, { code, message, status }) {
  assert.ok(error instanceof facade.SyncError);
  assert.deepEqual([error.code, error.message, error.status], [code, message, status]);
}

test('every notice does something', async () => {
  const kinds = new Set(notices.map(({ notice }) => notice.notice));
  const handled = [...readFileSync(join(sources, 'fold.js'), 'utf8').matchAll(/^ {6}case '(\w+)':/gm)].map(([, kind]) => kind);
  assert.deepEqual([...kinds].sort(), handled.sort());
});

test('documents are shown as they were told', () => {
  const { cell } = told('changed: a document');
  assert.deepEqual(cell.revision.read(), { b: 1, a: [9007199254740992, 0], text: 'hello\0', due: 'é' });
  assert.equal(told('changed: a document that is null').cell.revision.read(), null);
  assert.equal(told('changed: no document').cell.revision.read(), undefined);
  const after = told('changed: a document', 'changed: operations').cell.revision.read();
  assert.deepEqual(after, { b: 1, a: [9007199254740992, 0], text: 'hello😀', n: 9007199254740992, tags: {} });
});

test('a write is durable, and ends, as was told', async () => {
  for (const durability of ['Strict', 'Relaxed', 'Memory']) {
    assert.equal(await told(`durable: ${durability}`).write.durable, durability.toLowerCase());
  }
  for (const { name, notice } of notices.filter(({ notice }) => notice.notice === 'settled')) {
    const [{ error, ...settlement }] = await told(name).write.settled;
    const { error: fault, ...ending } = notice.ending;
    assert.deepEqual(settlement, ending);
    if (fault) isError(error, fault);
  }
});

test('questions are answered, and what concerns the client is told to it', async () => {
  await told('answered').asked;
  await assert.rejects(told('answered: no').asked, (error) => isError(error, named.get('answered: no').error) ?? true);
  const { heard } = told('opened', 'open failed', 'troubled');
  await settle();
  const [client, failed, trouble] = heard;
  assert.equal(client, named.get('opened').client);
  isError(failed, named.get('open failed').error);
  isError(trouble, named.get('troubled').error);
});

test('a status has the members that its type declares, in every phase', () => {
  const types = readFileSync(join(sources, 'index.d.ts'), 'utf8');
  const [, declared] = types.match(/export interface SyncStatus \{([^}]*)\}/);
  const members = [...declared.matchAll(/readonly (\w+):/g)].map(([, name]) => name).sort();
  const [, phases] = types.match(/export type Phase = ([^;]*);/);
  for (const { name, notice } of notices.filter(({ notice }) => notice.notice === 'status')) {
    const status = told(name).fold.status.current;
    assert.deepEqual(Object.keys(status).sort(), members, name);
    assert.ok(phases.includes(`'${notice.phase}'`), name);
    assert.deepEqual([status.storage.kind, status.retryAt, status.online], [notice.storage, notice.retryAt, notice.online]);
    if (notice.error) isError(status.error, notice.error);
  }
});
