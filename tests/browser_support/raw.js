// A look at IndexedDB that shares no code with the store.

const settled = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const ended = tx => new Promise((resolve, reject) => {
  tx.oncomplete = () => resolve();
  tx.onabort = () => reject(tx.error);
});

/// All that is in the database, as text; byte arrays as lists of numbers.
export async function dump(name) {
  const db = await settled(indexedDB.open(name));
  const found = { version: db.version, indexes: [...db.transaction('pages').objectStore('pages').indexNames] };
  for (const store of db.objectStoreNames) {
    const rows = db.transaction(store).objectStore(store);
    const [keys, values] = await Promise.all([settled(rows.getAllKeys()), settled(rows.getAll())]);
    found[store] = keys.map((key, at) => [key, values[at]]);
  }
  db.close();
  return JSON.stringify(found, (_, value) => value instanceof Uint8Array ? [...value] : value);
}

/// Puts a value that the store never would.
export async function plant(name, store, key, json) {
  const db = await settled(indexedDB.open(name));
  const tx = db.transaction(store, 'readwrite');
  tx.objectStore(store).put(JSON.parse(json), key);
  await ended(tx);
  db.close();
}

/// Makes the database as a later build would.
export async function upgrade(name) {
  (await settled(indexedDB.open(name, 99))).close();
}

/// Fails where a connection is in the way.
export async function remove(name) {
  const request = indexedDB.deleteDatabase(name);
  const blocked = new Promise((_, reject) => { request.onblocked = () => reject(new Error('blocked')); });
  await Promise.race([settled(request), blocked]);
}

/// Holds the database open and refuses to make way, while it is to be deleted: every later open waits behind that.
export async function obstruct(name) {
  const db = await settled(indexedDB.open(name));
  settled(indexedDB.deleteDatabase(name));
  return () => db.close();
}

/// Keeps a writing transaction over everything going until it is released, or for 20 s: nothing else gets an answer.
export async function occupy(name) {
  const db = await settled(indexedDB.open(name));
  const tx = db.transaction([...db.objectStoreNames], 'readwrite');
  let busy = true;
  setTimeout(() => { busy = false; }, 20_000);
  const spin = () => { tx.objectStore('meta').get('busy').onsuccess = () => busy && spin(); };
  spin();
  tx.oncomplete = () => db.close();
  return () => { busy = false; };
}

/// Replaces `indexedDB` by what `what` says; gives what undoes it.
export function withhold(what) {
  const own = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB');
  const get = what === 'throws' ? () => { throw new DOMException('denied', 'SecurityError'); } : () => undefined;
  Object.defineProperty(globalThis, 'indexedDB', { configurable: true, get });
  return () => own ? Object.defineProperty(globalThis, 'indexedDB', own) : delete globalThis.indexedDB;
}

/// Aborts the transactions of the next `times` appends, behind their request's success, with an error of this name.
export function abortAfterSuccess(name, times) {
  const add = IDBObjectStore.prototype.add;
  let left = times;
  IDBObjectStore.prototype.add = function (...given) {
    const request = add.apply(this, given);
    if (left-- > 0) {
      const tx = this.transaction;
      request.addEventListener('success', () => {
        tx.abort();
        if (name) Object.defineProperty(tx, 'error', { value: new DOMException('planted', name) });
      });
    }
    return request;
  };
  return () => { IDBObjectStore.prototype.add = add; };
}

/// Records the options of every transaction; gives what stops that and says them.
export function watchTransactions() {
  const transaction = IDBDatabase.prototype.transaction;
  const seen = [];
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    const tx = transaction.call(this, stores, mode, options);
    seen.push(`${tx.mode} ${tx.durability}`);
    return tx;
  };
  return () => {
    IDBDatabase.prototype.transaction = transaction;
    return seen.join(', ');
  };
}

/// Counts connections that are closed; gives what stops that and says how many.
export function watchCloses() {
  const close = IDBDatabase.prototype.close;
  const closed = new Set();
  IDBDatabase.prototype.close = function () {
    closed.add(this);
    return close.call(this);
  };
  return () => {
    IDBDatabase.prototype.close = close;
    return closed.size;
  };
}

/// Ends every open connection as the browser does when its storage goes away: nothing works on it any more, and it says
/// so, or not, by `close`.
export function breakConnections(says) {
  const transaction = IDBDatabase.prototype.transaction;
  const broken = new Set();
  IDBDatabase.prototype.transaction = function (...given) {
    if (broken.size === 0 || broken.has(this)) {
      if (!broken.has(this)) {
        broken.add(this);
        if (says) this.dispatchEvent(new Event('close'));
      }
      throw new DOMException('The database connection is closing.', 'InvalidStateError');
    }
    return transaction.apply(this, given);
  };
  return () => { IDBDatabase.prototype.transaction = transaction; };
}
