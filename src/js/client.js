// A client, as the app holds it.

import { freeze } from './apply.js';
import { Documents } from './documents.js';
import { check, SyncError } from './errors.js';
import { isWhole, name } from './names.js';
import { Transaction } from './transaction.js';

export class SyncClient {
  #instance;
  #documents = new Map();

  constructor(instance) {
    this.#instance = instance;
  }

  get clientId() {
    return this.#instance.clientId;
  }

  get status() {
    return this.#instance.fold.status;
  }

  get inbox() {
    return this.#instance.fold.inbox.source;
  }

  get conflicts() {
    return this.#instance.fold.conflicts.source;
  }

  get pendingItems() {
    return this.#instance.fold.pending.source;
  }

  documents(name) {
    let documents = this.#documents.get(name);
    if (documents === undefined) this.#documents.set(name, (documents = new Documents(this.#instance, name)));
    return documents;
  }

  mutate(change, { after = [], atomic = true } = {}) {
    check(typeof change === 'function', 'mutate takes a function');
    const transaction = new Transaction((collection, key) => this.#instance.call('view', collection, key));
    const result = change(transaction);
    check(typeof result?.then !== 'function', 'a function that mutates must not be async');
    return { ...this.#instance.writeOne('mutate', '', '', Transaction.text(transaction, { after, atomic })), result };
  }

  async pull({ signal, feed } = {}) {
    if (feed !== undefined) name(feed, 'a feed');
    await unless(signal, () => this.#instance.ask('pull', '', feed));
  }

  async push(options) {
    await this.#wait('push', options);
  }

  async syncImmediately(item, options) {
    await this.#wait('sync', options, named(item));
  }

  queueForSync(item) {
    this.#instance.call('mark', ...named(item));
  }

  hasPendingUpdates() {
    return this.#instance.call('isPending');
  }

  waitForPendingUpdates({ signal, timeoutMs = WAIT_MS } = {}) {
    return this.#wait('wait', { signal, timeoutMs }).then(() => true, () => false);
  }

  start() {
    this.#instance.run('start');
  }

  stop() {
    this.#instance.run('stop');
  }

  async history() {
    const rows = JSON.parse(this.#instance.call('history'));
    return freeze(rows.map(({ number, slot, at, ...row }) => ({ ...row, at: new Date(at).toISOString() })));
  }

  metrics() {
    return Object.freeze({ wasmMemoryBytes: this.#instance.call('memory') });
  }

  requestPersistence() {
    return this.#instance.fold.room.persist();
  }

  on(type, listener, options) {
    const { trouble: error, storage, conflict } = this.#instance.fold;
    const audience = { error, storage, conflict }[type];
    check(audience && typeof listener === 'function', 'on takes "error", "storage" or "conflict", and a function');
    return audience.subscribe(listener, options);
  }

  close({ signal } = {}) {
    return unless(signal, () => this.#instance.close());
  }

  #wait(operation, { signal, timeoutMs } = {}, names = ['', '']) {
    check(timeoutMs === undefined || timeoutMs === Infinity || isWhole(timeoutMs), 'timeoutMs is a whole number, 0 or more, or Infinity');
    return unless(signal, () => this.#instance.ask(operation, ...names, timeoutMs === undefined ? '' : `${Math.min(timeoutMs, LONGEST_MS)}`));
  }

  // A browser without the symbol has nothing that asks for it.
  [Symbol.asyncDispose ?? 'asyncDispose']() {
    return this.close();
  }
}

/** What stands for ever. */
const LONGEST_MS = Number.MAX_SAFE_INTEGER;

/** How long `waitForPendingUpdates` waits, unless it is told otherwise. */
const WAIT_MS = 30_000;

/** The names in `{ collection, key }`. */
function named({ collection, key } = {}) {
  return [name(collection, 'a collection'), name(key, 'a document')];
}

/** Waits for what `begin` gives, unless the signal aborts first. */
export async function unless(signal, begin) {
  const given = () => new SyncError('ABORTED', 'given up through its signal', { cause: signal.reason });
  if (signal?.aborted) throw given();
  let abort;
  const aborted = new Promise((_, reject) => {
    abort = () => reject(given());
    signal?.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([begin(), aborted]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
