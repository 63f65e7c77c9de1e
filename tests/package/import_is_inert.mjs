// Importing the package runs nothing: a server that renders pages, a test runner or a bundler may import it anywhere.

import assert from 'node:assert/strict';

import { entry } from './support/package.mjs';
import { close, test } from './support/suite.mjs';

/** What an import could reach for. Each one is replaced by something that notes the use. */
const CALLS = [
  [globalThis, ['fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'structuredClone', 'addEventListener', 'requestAnimationFrame',
    'BroadcastChannel', 'MessageChannel', 'Worker', 'SharedWorker', 'XMLHttpRequest', 'WebSocket', 'EventSource', 'AbortController']],
  [WebAssembly, ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming', 'validate', 'Module', 'Instance', 'Memory', 'Table']],
  [Math, ['random']],
  [Date, ['now']],
];
const READS = ['window', 'document', 'navigator', 'indexedDB', 'localStorage', 'sessionStorage', 'caches', 'location', 'crypto', 'performance'];

/** Imports a module and tells what it, and what lies in the same place (`home`), used and left behind. */
async function traces(specifier, home) {
  const used = [];
  const restore = [];
  const replace = (target, name, descriptor) => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { configurable: true, ...descriptor });
    restore.unshift(() => (before ? Object.defineProperty(target, name, before) : delete target[name]));
  };
  for (const [target, names] of CALLS) {
    for (const name of names) {
      const real = target[name];
      const note = function (...args) {
        if (fromModule(home)) used.push(name);
        return new.target ? Reflect.construct(real ?? Object, args) : real?.apply(target, args);
      };
      replace(target, name, { value: note, writable: true });
    }
  }
  for (const name of READS) {
    const real = globalThis[name];
    replace(globalThis, name, { get: () => { if (fromModule(home)) used.push(name); return real; } });
  }
  const globals = new Set(Reflect.ownKeys(globalThis));
  const resources = process.getActiveResourcesInfo().length;
  try {
    await import(specifier);
    const added = Reflect.ownKeys(globalThis).filter((key) => !globals.has(key));
    const held = process.getActiveResourcesInfo().length - resources;
    return { used, added, held: Math.max(held, 0) };
  } finally {
    restore.forEach((undo) => undo());
  }
}

/** Node's own loader uses some of this while it imports; only a call with a module under test on its stack counts. */
function fromModule(home) {
  return (new Error().stack ?? '').includes(home);
}

await test('the check itself sees a module that is not inert', async () => {
  const guilty = (source) => traces(`data:text/javascript,${encodeURIComponent(source)}`, 'data:text/javascript');
  assert.ok((await guilty('fetch("data:,").catch(() => {})')).used.includes('fetch'));
  assert.ok((await guilty('new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))')).used.includes('Module'));
  assert.ok((await guilty('globalThis.indexedDB?.open')).used.includes('indexedDB'));
  assert.deepEqual((await guilty('globalThis.__left = 1')).added, ['__left']);
  delete globalThis.__left;
});

await test('importing the package uses nothing, adds no global and holds nothing open', async () => {
  assert.deepEqual(await traces(entry, new URL('.', entry).href), { used: [], added: [], held: 0 });
});

close();
