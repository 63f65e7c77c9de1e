// What is kept outside of the store, on stand-ins for the origin's private files and for the worker that writes them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle, stage } from './stage.mjs';

const DATABASE = 'syncline/app/0000';

/** A folder in memory; `open` names files that a tab has open. */
class Folder {
  entries = new Map();
  open = new Set();

  async getDirectoryHandle(name) {
    if (!this.entries.has(name)) throw new DOMException(name, 'NotFoundError');
    return this.entries.get(name);
  }

  async getFileHandle(name) {
    const bytes = this.entries.get(name);
    return { getFile: async () => new Blob([bytes]) };
  }

  async removeEntry(name) {
    if (this.open.has(name)) throw new DOMException(name, 'NoModificationAllowedError');
    this.entries.delete(name);
  }

  async *keys() {
    yield* this.entries.keys();
  }
}

/** Lets these be the browser's as long as `work` goes on. */
async function inBrowser({ root = new Folder(), note = null } = {}, work) {
  const notes = new Map(note ? [[DATABASE, note]] : []);
  const workers = [];
  class Worker {
    posted = [];
    ended = false;
    constructor(url, options) {
      Object.assign(this, { url, options });
      workers.push(this);
    }
    postMessage(message) {
      this.posted.push(message);
    }
    terminate() {
      this.ended = true;
    }
  }
  const standIns = {
    navigator: { storage: { getDirectory: async () => root } },
    localStorage: { getItem: (name) => notes.get(name) ?? null, setItem: (name, text) => notes.set(name, text) },
    Worker,
  };
  const before = Object.keys(standIns).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  for (const [name, value] of Object.entries(standIns)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  try {
    const { Mirror } = await (await stage()).load('mirror.js');
    const life = new AbortController();
    const told = [];
    const make = (wanted = true) => new Mirror(wanted, life.signal, (order) => told.push(order));
    await work({ Mirror, make, told, workers, notes, life });
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else delete globalThis[name];
    }
  }
}

/** A root with these files in the database's folder. */
function withFiles(files) {
  const [root, syncline, database] = [new Folder(), new Folder(), new Folder()];
  root.entries.set('syncline', syncline);
  syncline.entries.set(encodeURIComponent(DATABASE), database);
  for (const [name, bytes] of Object.entries(files)) database.entries.set(name, bytes);
  return { root, syncline, database };
}

test('what there is is listed, with the store that is noted, and what cannot be read is left out', async () => {
  const { root } = withFiles({ 'one.tab.0': new Uint8Array([1, 2]), 'one.tab.1': new Uint8Array() });
  await inBrowser({ root, note: 'two' }, async ({ make }) => {
    assert.deepEqual(await make().list(DATABASE), [{ name: 'one.tab.0' }, { name: 'one.tab.1' }, { name: 'two' }]);
    root.entries.get('syncline').entries.get(encodeURIComponent(DATABASE)).getFileHandle = async (name) => {
      if (name === 'one.tab.1') throw new DOMException('locked', 'InvalidStateError');
      return { getFile: async () => new Blob([new Uint8Array([1, 2])]) };
    };
    assert.deepEqual(await make().read(DATABASE, ['one.tab.0', 'one.tab.1']), [{ name: 'one.tab.0', bytes: new Uint8Array([1, 2]) }]);
  });
});

test('where there is nothing, or it may not be used, nothing is found', async () => {
  await inBrowser({}, async ({ make }) => assert.deepEqual(await make().list(DATABASE), []));
  const refuses = { getDirectoryHandle: () => Promise.reject(new DOMException('no', 'SecurityError')) };
  await inBrowser({ root: refuses, note: 'one' }, async ({ make }) => {
    assert.deepEqual([await make().list(DATABASE), await make().read(DATABASE, ['a'])], [[{ name: 'one' }], []]);
  });
});

test('files of a time when there was a mirror go where none is wanted', async () => {
  const { root, syncline } = withFiles({ 'one.tab.0': new Uint8Array([1]) });
  await inBrowser({ root }, async ({ make }) => {
    assert.deepEqual(await make(false).list(DATABASE), []);
    assert.equal(syncline.entries.size, 0);
  });
});

test('a worker writes, under one name, and what it says is told', async () => {
  await inBrowser({}, async ({ make, told, workers, life }) => {
    const mirror = make();
    mirror.write(DATABASE, 1, 'store', new Uint8Array([1]));
    mirror.write(DATABASE, 2, undefined, new Uint8Array([2]));
    mirror.write(DATABASE, 3, 'store', new Uint8Array([3]));
    const [worker] = workers;
    assert.equal(workers.length, 1);
    assert.match(worker.url.href, /mirror\.worker\.js$/);
    assert.deepEqual(worker.options, { type: 'module' });
    const [first, second, third] = worker.posted;
    assert.deepEqual(first.path, ['syncline', encodeURIComponent(DATABASE)]);
    assert.match(first.name, /^store\.[-0-9a-f]{36}$/);
    assert.deepEqual([second.name, third.name, [...third.bytes]], [undefined, first.name, [3]]);
    worker.onmessage({ data: { order: 1 } });
    worker.onmessage({ data: { error: 'full' } });
    worker.onerror({});
    assert.deepEqual(told, [1, undefined, undefined]);
    life.abort();
    assert.equal(worker.posted.at(-1), 'close');
    worker.onmessage({ data: { order: 3 } });
    assert.equal(told.length, 3, 'a client that has ended hears nothing');
  });
});

test('l5: a page that is left has no worker, and when it is back another file begins', async () => {
  const page = new EventTarget();
  const names = ['addEventListener', 'removeEventListener', 'dispatchEvent'];
  for (const name of names) globalThis[name] = page[name].bind(page);
  const happens = (type) => page.dispatchEvent(Object.assign(new Event(type), { persisted: true }));
  try {
    await inBrowser({}, async ({ make, told, workers }) => {
      const mirror = make();
      mirror.write(DATABASE, 1, 'store', new Uint8Array([1]));
      happens('pagehide');
      mirror.write(DATABASE, 2, undefined, new Uint8Array([2]));
      assert.deepEqual([workers.length, workers[0].ended, workers[0].posted.length], [1, true, 1]);
      happens('pageshow');
      assert.deepEqual(told, ['parted']);
      mirror.write(DATABASE, 3, 'store', new Uint8Array([3]));
      assert.equal(workers.length, 2);
      assert.notEqual(workers[1].posted[0].name, workers[0].posted[0].name);
    });
  } finally {
    for (const name of names) delete globalThis[name];
  }
});

test('a worker that cannot be started is told, and not in the middle of a turn', async () => {
  await inBrowser({}, async ({ make, told }) => {
    globalThis.Worker = class {
      constructor() {
        throw new DOMException('no', 'SecurityError');
      }
    };
    make().write(DATABASE, 1, 'store', new Uint8Array([1]));
    assert.deepEqual(told, []);
    await settle();
    assert.deepEqual(told, [undefined]);
  });
});

test('a mirror that is given up takes its files along; files that are open stay', async () => {
  const { root, database } = withFiles({ other: new Uint8Array(), open: new Uint8Array() });
  database.open.add('open');
  await inBrowser({ root }, async ({ make, workers }) => {
    const mirror = make();
    mirror.write(DATABASE, 1, 'store', new Uint8Array([1]));
    const { name } = workers[0].posted[0];
    database.entries.set(`${name}.0`, new Uint8Array());
    database.entries.set(`${name}.1`, new Uint8Array([1]));
    mirror.remove(DATABASE, ['other', 'open']);
    mirror.drop(DATABASE);
    await settle();
    assert.deepEqual([[...database.entries.keys()], workers[0].ended], [['open'], true]);
  });
});

test('a store is noted, once for each', async () => {
  await inBrowser({ note: 'one' }, async ({ make, notes }) => {
    make().witness(DATABASE, 'two');
    assert.equal(notes.get(DATABASE), 'two');
    globalThis.localStorage = undefined;
    make().witness(DATABASE, 'three');
  });
});
