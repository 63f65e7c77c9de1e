// What is told late, twice or never, and what must not be told.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle, stage } from './stage.mjs';

const soon = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 100, 'never'))]);
const settled = (mutation, ending) => ({ notice: 'settled', mutation, ending });

test('a write that was taken back before it was stored is not durable', async () => {
  const { client, engine } = await opened();
  const write = client.documents('notes').put('a', { n: 1 });
  engine.tell(settled(write.id, { ending: 'cancelled' }));
  await settle();
  engine.tell({ notice: 'durable', mutations: [write.id], durability: 'strict' });
  await assert.rejects(soon(write.durable), { code: 'ABORTED' });
});

test('i1: a rollback of a write that was merged with others leaves them, and says so', async () => {
  const { client, engine } = await opened();
  const write = client.documents('notes').put('a', { n: 1 });
  engine.tell(settled(write.id, { ending: 'merged', by: 'f1' }));
  await settle();
  engine.tell(settled('f1', { ending: 'applied', version: '2' }));
  await settle();
  assert.equal(await soon(write.rollback()), false);
  assert.deepEqual(engine.calls.filter(([call]) => call === 'cancel'), [['cancel', write.id]]);
});

test('i8: writes of one call are taken back from the last to the first', async () => {
  const { client, engine } = await opened();
  const write = client.mutate((tx) => { tx.put('notes', 'a', 1); tx.put('notes', 'b', 2); }, { atomic: false });
  const answer = soon(write.rollback());
  engine.tell(settled('m1.1', { ending: 'cancelled' }), settled('m1.0', { ending: 'cancelled' }));
  assert.equal(await answer, true);
  assert.deepEqual(engine.calls.filter(([call]) => call === 'cancel').map(([, id]) => id), ['m1.1', 'm1.0']);
});

test('i21: an error does not name the token that the call was made with, though there is another one by now', async () => {
  const { load } = await stage();
  const { Auth } = await load('auth.js');
  const tokens = ['canary-one', 'canary-two'];
  const auth = new Auth(() => tokens.shift());
  await auth.ask('initial', () => {});
  let fail;
  const { push } = auth.guard({ push: () => new Promise((_, reject) => { fail = reject; }) });
  const call = push();
  await settle();
  await auth.ask('expired', () => {});
  fail(new Error('401 for Bearer canary-one'));
  await assert.rejects(call, ({ message }) => message === '401 for Bearer …');
});
