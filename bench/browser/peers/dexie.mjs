// Dexie: a wrapper of IndexedDB without a server of its own.

import Dexie from 'dexie';

const DURABLE = 'the promise of the call, which Dexie resolves when its transaction is complete; no outbox';
export const notes = {
  durableOne: `put: ${DURABLE}`,
  durableOneStrict: `put, chromeTransactionDurability strict: ${DURABLE}`,
  durableMany: `put, one transaction a call: ${DURABLE}`,
  bulk: `bulkPut: ${DURABLE}`,
  reopenOne: 'open and get',
  reopenAll: 'open and toArray',
};
export const unable = { acknowledge: 'no server protocol: Dexie alone is a local database' };

export async function fill(documents) {
  const store = await open();
  await store.writeAll(documents);
  return store;
}

export async function open(server, { strict = false } = {}) {
  const database = new Dexie('dexie', { chromeTransactionDurability: strict ? 'strict' : 'default' });
  database.version(1).stores({ documents: 'id' });
  await database.open();
  const { documents: table } = database;
  return {
    write: (document) => table.put(document),
    writeEach: (documents) => Promise.all(documents.map((document) => table.put(document))),
    writeAll: (documents) => table.bulkPut(documents),
    one: (key) => table.get(key),
    all: () => table.toArray(),
    close: () => database.close(),
  };
}
