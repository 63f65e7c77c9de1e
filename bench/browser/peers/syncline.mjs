// Syncline, from the package as it ships.
//
// It is strict by default; the other arms have the browser's relaxed
// durability, so rows about durability ask for that too, and one row is strict
// for all who can.

import { open as openClient } from '/syncline/index.js';

const NAME = 'bench';
const DURABLE = '`durable`, asked to be relaxed as the other arms are, of writes that wait in the outbox';
export const notes = {
  durableOne: `put: ${DURABLE}`,
  durableOneStrict: 'put: `durable`, strict, which is the default',
  durableMany: `one put a document: ${DURABLE}`,
  bulk: `putAll: ${DURABLE}`,
  acknowledge: 'strict durable first; until `settled` of every write says applied, which is when the store has it too',
  reopenOne: 'open, loading the wasm module with it, and get',
  reopenAll: 'open, loading the wasm module with it, and the first list of all',
};
export const unable = {};

export async function fill(documents, server) {
  const client = await start(server, 'strict');
  const { settled } = client.documents('messages').putAll(entries(documents));
  applied(await settled);
  return client;
}

export async function open(server, { strict = server !== null } = {}) {
  const durability = strict ? 'strict' : 'relaxed';
  const client = await start(server, durability);
  const messages = client.documents('messages');
  const durable = async (promise) => {
    const reached = await promise;
    if (reached !== durability) throw new Error(`the write is ${reached}, not ${durability}`);
  };
  return {
    write: (document) => durable(messages.put(document.id, document).durable),
    writeEach: (documents) => Promise.all(documents.map((document) => durable(messages.put(document.id, document).durable))),
    writeAll: (documents) => durable(messages.putAll(entries(documents)).durable),
    async writeAcknowledged(documents) {
      applied(await Promise.all(documents.map((document) => messages.put(document.id, document).settled)));
    },
    one: (key) => messages.get(key),
    all: () => new Promise((resolve) => messages.live().subscribe(resolve)),
  };
}

function start(server, durability) {
  return openClient({
    name: NAME,
    storage: { durability },
    ...(server !== null && { transport: { url: `${server}/sync/` } }),
  });
}

function entries(documents) {
  return documents.map((document) => [document.id, document]);
}

function applied(settlements) {
  const other = settlements.find(({ ending }) => ending !== 'applied');
  if (other) throw new Error(`a write ended as ${other.ending}: ${other.error?.message}`);
}
