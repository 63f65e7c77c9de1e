// What the browser is asked about its storage, and when it is to ask the user to stay.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened, settle } from './stage.mjs';

/** Lets `manager` be the browser's storage while `work` goes on. */
async function withStorage(manager, work) {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { storage: manager }, configurable: true });
  try {
    await work();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else delete globalThis.navigator;
  }
}

/** A browser's storage that grants what it is asked for, and counts how often it was asked how much there is. */
function manager(usage) {
  const storage = { asked: 0, kept: false, usage };
  storage.persisted = async () => storage.kept;
  storage.persist = async () => (storage.kept = true);
  storage.estimate = async () => ({ usage: storage.usage + ++storage.asked, quota: 1_000, usageDetails: {} });
  return storage;
}

const durable = (id, durability = 'relaxed') => ({ notice: 'durable', mutations: [id], durability });
const room = ({ client }) => {
  const { persistent, usage, quota } = client.status.current.storage;
  return [persistent, usage, quota];
};

test('the status says what the browser says of its storage, asked at the opening and after what was stored, not each time', async () => {
  const storage = manager(100);
  await withStorage(storage, async () => {
    const app = await opened();
    assert.deepEqual(room(app), [false, 101, 1_000]);
    const told = [];
    app.client.status.subscribe(({ storage }) => told.push([storage.persistent, storage.usage]));
    app.engine.tell(durable('another'));
    await settle();
    assert.equal(storage.asked, 1, 'it was asked a moment ago');
    assert.equal(await app.client.requestPersistence(), true);
    assert.deepEqual(room(app), [true, 102, 1_000]);
    assert.deepEqual(told, [[false, 101], [true, 102]], 'it is told when it is known, as a status');
    assert.ok(Object.isFrozen(app.client.status.current.storage));
  });
});

test('a browser that cannot say, or will not, is no error', async () => {
  const refuses = async () => {
    throw new TypeError('not in this context');
  };
  for (const storage of [undefined, {}, { persisted: refuses, estimate: refuses, persist: refuses }]) {
    await withStorage(storage, async () => {
      const app = await opened();
      assert.equal(await app.client.requestPersistence(), false);
      assert.deepEqual(room(app), [false, null, null]);
    });
  }
});

/** Whether the page would ask the user to stay. */
function asks() {
  const event = new Event('beforeunload', { cancelable: true });
  globalThis.dispatchEvent(event);
  return event.defaultPrevented;
}

/** Lets this be a page that is listened to, as long as `work` goes on. */
async function inPage(work) {
  const page = new EventTarget();
  const names = ['addEventListener', 'removeEventListener', 'dispatchEvent'];
  for (const name of names) globalThis[name] = page[name].bind(page);
  try {
    await work();
  } finally {
    for (const name of names) delete globalThis[name];
  }
}

test('l8: with guardUnload the user is asked to stay while a write would be lost with the page, and not longer', async () => {
  await inPage(async () => {
    const { client, engine } = await opened({ guardUnload: true });
    assert.equal(asks(), false);
    const one = client.documents('notes').put('a', {});
    assert.equal(asks(), true, 'it is not stored yet');
    const two = client.documents('notes').put('b', {});
    engine.tell(durable(one.id, 'strict'));
    await settle();
    assert.equal(asks(), true, 'the other one is not');
    engine.tell(durable(two.id, 'memory'));
    await settle();
    assert.equal(asks(), true, 'it is in memory only');
    engine.tell({ notice: 'settled', mutation: two.id, ending: { ending: 'applied' } });
    await settle();
    assert.equal(asks(), false, 'the server has it');
    engine.tell({ notice: 'settled', mutation: one.id, ending: { ending: 'applied' } });
    await settle();
    client.documents('notes').put('c', {});
    assert.equal(asks(), true);
    await client.close();
    assert.equal(asks(), false, 'what was not stored has ended, and was told so');
  });
});

test('s1 l8: a write that was kept in memory is safe when it is stored after all', async () => {
  await inPage(async () => {
    const { client, engine } = await opened({ guardUnload: true });
    const write = client.documents('notes').put('a', {});
    engine.tell(durable(write.id, 'memory'));
    assert.equal(await write.durable, 'memory');
    assert.equal(asks(), true);
    engine.tell(durable(write.id, 'strict'));
    await settle();
    assert.equal(asks(), false);
    engine.tell({ notice: 'settled', mutation: write.id, ending: { ending: 'applied' } });
    assert.equal((await write.settled).ending, 'applied');
  });
});

test('l8: without it the user is never asked', async () => {
  await inPage(async () => {
    const { client } = await opened();
    client.documents('notes').put('a', {});
    assert.equal(asks(), false);
  });
});
