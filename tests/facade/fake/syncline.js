// Stands in for the module that wasm-bindgen makes: the same exports, told by the test what to say. It keeps documents as the
// engine does, as text, and applies nothing by itself but `put` and `delete`.

export let loads = 0;
export let resets = 0;
/** What the next load, open or reset throws; a test sets them. */
export const faults = { load: null, open: null, reset: null };

let alive = true;

export default async function load() {
  loads += 1;
  if (faults.load) throw faults.load;
}

export function __wbg_reset_state() {
  resets += 1;
  if (faults.reset) throw faults.reset;
  alive = true;
}

/** Stores are looked at in a real browser. */
export function mergeTexts() {
  throw new Error('the fake merges nothing');
}

export function countPending() {
  throw new Error('there is no store');
}

export class Client {
  static all = [];
  calls = [];
  documents = new Map();
  /** What is in memory; `null` for all. */
  loaded = null;
  held = new Set();
  freed = false;
  pending = false;
  pendingItems = [];
  rows = [];
  items = new Map();
  #ids = 0;
  #asks = 0;

  static get last() {
    return Client.all.at(-1);
  }

  static open(options, host) {
    if (faults.open) throw faults.open;
    const client = new Client();
    client.options = JSON.parse(options);
    client.host = host;
    Client.all.push(client);
    queueMicrotask(() => client.tell({ notice: 'opened', client: `client-${Client.all.length}` }));
    return client;
  }

  /** One turn of the engine. */
  tell(...notices) {
    this.host.notify(JSON.stringify(notices));
  }

  /** Ends the module as a trap does. */
  trap() {
    alive = false;
    throw new WebAssembly.RuntimeError('unreachable');
  }

  change(collection, key, text) {
    this.documents.set(`${collection}/${key}`, text);
    this.#tellValue(collection, key);
  }

  operate(collection, key, ...operations) {
    this.tell({ notice: 'changed', address: { collection, key }, change: { change: 'operations', operations } });
  }

  /** Whether this tab has the lock, and what it heard. */
  lock() {}
  heard() {}

  call(operation, ...given) {
    const needed = given.filter((text) => text !== '');
    if (!['hold', 'release', 'load'].includes(operation)) return this[operation](...needed);
    const [collection, list] = needed;
    const keys = JSON.parse(list);
    for (const key of keys) this.hold(collection, key, operation !== 'release');
    return operation === 'load' ? this.load(collection, keys) : undefined;
  }

  put(collection, key, text) {
    return this.#write(['put', collection, key, text], collection, key, text);
  }

  putAll(collection, documents) {
    return JSON.stringify(Object.entries(JSON.parse(documents)).flatMap(([key, value]) => JSON.parse(this.put(collection, key, JSON.stringify(value)))));
  }

  merge(...call) {
    return this.#write(['merge', ...call]);
  }

  patch(...call) {
    return this.#write(['patch', ...call]);
  }

  increment(...call) {
    return this.#write(['increment', ...call]);
  }

  append(...call) {
    return this.#write(['append', ...call]);
  }

  splice(...call) {
    return this.#write(['splice', ...call]);
  }

  delete(collection, key) {
    return this.#write(['delete', collection, key], collection, key, null);
  }

  mutate(text) {
    const { writes, atomic } = JSON.parse(text);
    const ids = this.#write(['mutate', text]);
    for (const { op, collection, key, value } of writes) if (op !== 'merge') this.change(collection, key, op === 'put' ? JSON.stringify(value) : null);
    return atomic ? ids : JSON.stringify(writes.map((_, at) => `${JSON.parse(ids)[0]}.${at}`));
  }

  cancel(id) {
    this.#enter(['cancel', id]);
  }

  view(collection, key) {
    this.#enter(['view', collection, key]);
    return this.#isLoaded(collection, key) ? (this.documents.get(`${collection}/${key}`) ?? null) : undefined;
  }

  hold(collection, key, held) {
    this.#enter(['hold', collection, key, held]);
    if (held) this.held.add(`${collection}/${key}`);
    else this.held.delete(`${collection}/${key}`);
    if (!held) return;
    for (const each of this.#named(collection, [key])) if (this.#isLoaded(collection, each)) this.#tellValue(collection, each);
  }

  load(collection, keys) {
    this.#enter(['load', collection, ...keys]);
    const ask = ++this.#asks;
    queueMicrotask(() => {
      for (const key of this.#named(collection, keys)) {
        if (this.#isLoaded(collection, key)) continue;
        this.loaded.add(`${collection}/${key}`);
        this.#tellValue(collection, key);
      }
      this.answer(ask);
    });
    return ask;
  }

  token(answer) {
    this.#enter(['token', answer]);
  }

  pull(...given) {
    this.#enter(['pull', ...given]);
    return ++this.#asks;
  }

  push(...given) {
    this.#enter(['push', ...given]);
    return ++this.#asks;
  }

  sync(...given) {
    this.#enter(['sync', ...given]);
    return ++this.#asks;
  }

  wait(...given) {
    this.#enter(['wait', ...given]);
    return ++this.#asks;
  }

  isPending() {
    this.#enter(['isPending']);
    return this.pending;
  }

  observe(...given) {
    this.#enter(['observe', ...given]);
    if (given.length === 0) this.tell({ notice: 'pendingItems', added: this.pendingItems, removed: [] });
    else this.item(...given, this.items.get(given.join('/')) ?? 'unknown');
  }

  unobserve(...given) {
    this.#enter(['unobserve', ...given]);
  }

  item(collection, key, state, lastSync = null) {
    this.tell({ notice: 'item', address: { collection, key }, state, lastSync });
  }

  mark(...given) {
    this.#enter(['mark', ...given]);
  }

  start() {
    this.#enter(['start']);
  }

  stop() {
    this.#enter(['stop']);
  }

  close() {
    this.#enter(['close']);
    const ask = ++this.#asks;
    queueMicrotask(() => this.answer(ask));
    return ask;
  }

  answer(ask, error = null) {
    this.tell({ notice: 'answered', ask, error });
  }

  status() {
    this.#enter(['status']);
    return JSON.stringify([{ notice: 'status', ...status() }]);
  }

  retry(...given) {
    this.#enter(['retry', ...given]);
    return ++this.#asks;
  }

  resolve(...given) {
    this.#enter(['resolve', ...given]);
    return ++this.#asks;
  }

  discard(...given) {
    this.#enter(['discard', ...given]);
    return ++this.#asks;
  }

  history() {
    return JSON.stringify(this.rows);
  }

  memory() {
    return 65536;
  }

  free() {
    this.freed = true;
  }

  #enter(call) {
    if (!alive) throw new WebAssembly.RuntimeError('memory access out of bounds');
    this.calls.push(call);
    this.next?.(call);
  }

  #write(call, collection, key, text) {
    this.#enter(call);
    if (collection !== undefined) this.change(collection, key, text);
    this.#ids += 1;
    return JSON.stringify([`m${this.#ids}`]);
  }

  /** An empty key stands for all of the collection. */
  #named(collection, keys) {
    const whole = () => [...this.documents.keys()].filter((name) => name.startsWith(`${collection}/`)).map((name) => name.slice(collection.length + 1));
    return keys.flatMap((key) => (key === '' ? whole() : [key]));
  }

  #isLoaded(collection, key) {
    return this.loaded === null || this.loaded.has(`${collection}/${key}`);
  }

  #tellValue(collection, key) {
    const name = `${collection}/${key}`;
    if (!this.held.has(name) && !this.held.has(`${collection}/`)) return;
    const text = this.documents.get(name) ?? undefined;
    this.tell({ notice: 'changed', address: { collection, key }, change: { change: 'value', value: text && JSON.parse(text) } });
  }
}

/** A status as the engine tells it. */
export function status(members = {}) {
  return {
    phase: 'idle',
    online: true,
    pendingItems: 0,
    pendingMutations: 0,
    pendingBytes: 0,
    memoryBytes: 0,
    inbox: 0,
    conflicts: 0,
    entriesSent: 0,
    entriesResent: 0,
    entriesAcknowledged: 0,
    conflictsSettled: 0,
    requests: 0,
    retryAt: null,
    lastPushAt: null,
    lastPullAt: null,
    stale: null,
    storage: 'indexeddb',
    mirror: false,
    error: null,
    ...members,
  };
}
