// The stores of this origin: which there are, and the end of one.

import { check, SyncError } from './errors.js';
import { hash } from './hash.js';
import { ended, init } from './module.js';
import { wellFormed } from './names.js';
import { LET_GO, placeOf } from './stay.js';
import { countPending } from './syncline.js';

/** Clients that have not let go of a store by then are told of, and so is a browser that has not deleted it. */
const PATIENCE_MS = 5_000;

/** How often they are told: one that is just opening hears it later. */
const AGAIN_MS = 250;

/** `syncline/NAME/SCOPE`; the hash of the scope has no slash. */
const DATABASE = /^syncline\/(.+)\/([0-9a-f]{16})$/s;

/** The name of a database that is made to be deleted; `list` does not know it. */
const NOTHING = 'syncline';

/** The name of the database of one app and one user: two users' data never meet. */
export function databaseOf({ name, scope = '', scopeHash = hash(checked(scope, 'a scope is a string without lone surrogates')) }) {
  checked(name, 'a name is needed, without lone surrogates');
  check(name !== '', 'a name is needed');
  check(/^[0-9a-f]{16}$/.test(scopeHash), 'a scopeHash is one that list() gives');
  return `syncline/${name}/${scopeHash}`;
}

function checked(text, message) {
  check(wellFormed(text), message);
  return text;
}

export async function list(target) {
  const wanted = target && databaseOf(target);
  const all = (await known()).filter((database) => wanted === undefined || database === wanted);
  if (all.length > 0) await init();
  const pending = await Promise.all(all.map(pendingIn));
  // What was deleted meanwhile could not be read.
  const still = new Set(await known());
  const listed = all.map((database, at) => ({ name: DATABASE.exec(database)[1], scopeHash: DATABASE.exec(database)[2], pending: pending[at] }));
  return Object.freeze(listed.filter((_, at) => still.has(all[at])).map(Object.freeze));
}

async function known() {
  try {
    return (await indexedDB.databases()).map(({ name }) => name).filter((name) => DATABASE.test(name));
  } catch (cause) {
    throw unavailable('the browser does not say which stores there are', cause);
  }
}

/** The module reads the store as at a start, and changes nothing. `null` where it cannot be read. */
function pendingIn(database) {
  return new Promise((counted, failed) => {
    countPending(database, DATABASE.exec(database)[2], { counted, panicked: (message) => failed(ended(new Error(message))) });
  });
}

export async function destroy(target = {}) {
  const place = placeOf(databaseOf(target));
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(place);
  const tell = () => channel?.postMessage(LET_GO);
  tell();
  const again = setInterval(tell, AGAIN_MS);
  try {
    await alone(place, () => remove(databaseOf(target)));
  } catch (error) {
    throw error instanceof SyncError ? error : unavailable('the store cannot be deleted', error);
  } finally {
    clearInterval(again);
    channel?.close();
  }
}

/** Does `work` when no client uses the store, and lets none begin to until it is done. */
async function alone(place, work) {
  let begun = false;
  const begin = () => {
    begun = true;
    return work();
  };
  const { locks } = globalThis.navigator ?? {};
  try {
    if (locks) return await locks.request(place, { signal: AbortSignal.timeout(PATIENCE_MS) }, begin);
  } catch (error) {
    if (begun) throw error;
    if (error?.name === 'TimeoutError') throw blocked(error);
  }
  // Without locks, whoever hears has let go by then.
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  return work();
}

/** What was kept beside the database goes first: a mirror that outlives its database would bring back what was in it. */
async function remove(database) {
  await removeMirror(database);
  try {
    // What says that there was a store here.
    localStorage.removeItem(database);
  } catch {
    // Where there is no such storage, nothing is in it.
  }
  if (globalThis.indexedDB === undefined) return;
  await scrub(database).catch(() => {});
  await answered(indexedDB.deleteDatabase(database));
  await stir().catch(() => {});
}

/**
 * What is deleted stays in the files of Chromium's databases until it compacts them. It compacts those that a deleted database is in:
 * so what was in this one is deleted and written to files before. Where that cannot be done, the store goes all the same.
 */
async function scrub(database) {
  const db = await answered(indexedDB.open(database));
  try {
    const names = [...db.objectStoreNames];
    const transaction = db.transaction(names, 'readwrite');
    names.forEach((name) => transaction.objectStore(name).clear());
    await answered(transaction);
  } finally {
    db.close();
  }
  await stir();
}

/** Deletes a database that has nothing in it, which makes Chromium write to files what it has not, and remove those that it has replaced. */
async function stir() {
  (await answered(indexedDB.open(NOTHING))).close();
  await answered(indexedDB.deleteDatabase(NOTHING));
}

/** What comes of a request or transaction. A deletion that is blocked is carried out when nothing blocks it any more. */
function answered(asked) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(blocked()), PATIENCE_MS);
    asked.onsuccess = asked.oncomplete = asked.onerror = asked.onabort = () => {
      clearTimeout(timer);
      if (asked.error) reject(asked.error);
      else resolve(asked.result);
    };
  });
}

/** The browser's files of this store, where there are some. A worker that has just ended may hold them for a moment. */
async function removeMirror(database) {
  const root = await globalThis.navigator?.storage?.getDirectory?.().catch(() => null);
  for (const end = Date.now() + PATIENCE_MS; root; await new Promise((resolve) => setTimeout(resolve, 50))) {
    try {
      const mirrors = await root.getDirectoryHandle('syncline');
      return await mirrors.removeEntry(encodeURIComponent(database), { recursive: true });
    } catch (error) {
      if (error?.name === 'NotFoundError') return;
      if (Date.now() > end) throw blocked(error);
    }
  }
}

function blocked(cause) {
  return new SyncError('VERSION_BLOCKED', `another tab has not let go of the store in ${PATIENCE_MS / 1000} s`, { cause });
}

function unavailable(message, cause) {
  return new SyncError('STORAGE_UNAVAILABLE', `${message}: ${cause?.message ?? cause}`, { cause });
}
