// The floor: IndexedDB and fetch by hand, as an app would without a library.
// One record a document; calls of one turn share a transaction; with a server
// an outbox record beside each document, in the same transaction, sent in
// batches until the outbox is empty.

const BATCH = 1000;

const DURABLE = 'transaction complete, durability as the browser has it (relaxed); no outbox without a server';
export const notes = {
  durableOne: DURABLE,
  durableOneStrict: 'transaction complete, durability strict; no outbox without a server',
  durableMany: `${DURABLE}; the calls of one turn share one transaction`,
  bulk: `${DURABLE}; one transaction`,
  acknowledge: `document and outbox record durable first, then batches of ${BATCH}, until the last reply has come`,
  reopenOne: 'open and one get',
  reopenAll: 'open and getAll',
};
export const unable = {};

export async function fill(documents) {
  const store = await open(null);
  await store.writeAll(documents);
  return store;
}

export async function open(server, { strict = false } = {}) {
  const database = await openDatabase();
  const durability = strict ? 'strict' : 'default';
  const stores = server === null ? ['documents'] : ['documents', 'outbox'];

  const put = (documents) => {
    const transaction = database.transaction(stores, 'readwrite', { durability });
    const into = transaction.objectStore('documents');
    for (const document of documents) into.put(document);
    if (server !== null) {
      const outbox = transaction.objectStore('outbox');
      for (const document of documents) outbox.add({ id: crypto.randomUUID(), key: document.id, value: document });
    }
    return complete(transaction);
  };

  let gathered = null;
  const write = (document) => {
    if (gathered === null) {
      const documents = [];
      gathered = { documents, durable: Promise.resolve().then(() => {
        gathered = null;
        return put(documents);
      }) };
    }
    gathered.documents.push(document);
    return gathered.durable;
  };

  return {
    write,
    writeEach: (documents) => Promise.all(documents.map((document) => write(document))),
    writeAll: put,
    async writeAcknowledged(documents) {
      await Promise.all(documents.map((document) => write(document)));
      await drain(database, server, documents.length);
    },
    one: (key) => answer(database.transaction('documents').objectStore('documents').get(key)),
    all: () => answer(database.transaction('documents').objectStore('documents').getAll()),
    close: () => database.close(),
  };
}

/** Sends the outbox until `count` entries are acknowledged. */
async function drain(database, server, count) {
  let removed = Promise.resolve();
  for (let acknowledged = 0; acknowledged < count;) {
    await removed;
    const entries = await answer(database.transaction('outbox').objectStore('outbox').getAll(null, BATCH));
    const reply = await fetch(`${server}/floor/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ entries: entries.map(({ id, key, value }) => ({ id, key, value })) }),
    });
    const { outcomes } = await reply.json();
    if (!outcomes.every(({ outcome }) => outcome === 'ok')) throw new Error('an entry was refused');
    acknowledged += outcomes.length;
    const transaction = database.transaction('outbox', 'readwrite');
    transaction.objectStore('outbox').delete(IDBKeyRange.bound(entries[0].position, entries.at(-1).position));
    removed = complete(transaction);
  }
}

async function openDatabase() {
  const request = indexedDB.open('floor', 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('documents', { keyPath: 'id' });
    request.result.createObjectStore('outbox', { keyPath: 'position', autoIncrement: true });
  };
  return answer(request);
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function complete(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
