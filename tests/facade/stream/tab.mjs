// One tab of the simulator, and the facade in it: what the app did is done through the facade, what the engine told is
// handed to it, and behind each turn what the facade shows is held against what the engine says.

import { isDeepStrictEqual } from 'node:util';

/** The facade shows something else than the engine says, or does something else than an app's half would. */
export class Difference extends Error {
  constructor(what, shown, said) {
    super(`${what}: the facade has ${text(shown)}, the engine ${text(said)}`);
    Object.assign(this, { what, shown: shown ?? null, said: said ?? null });
  }
}

function text(value) {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

function equal(what, shown, said) {
  if (!isDeepStrictEqual(shown, said)) throw new Difference(what, shown, said);
}

const parsed = (json) => (json === null ? undefined : JSON.parse(json));
const fault = (error) => (error ? { code: error.code, message: error.message } : null);
const names = (name) => {
  const at = name.indexOf('/');
  return [name.slice(0, at), name.slice(at + 1)];
};

/** Lets all promises that can be kept be kept. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

export class Tab {
  compared = 0;
  #client;
  #instance;
  /** Its side of the module. */
  #host;
  /** The turn at hand: what the facade must call to begin it, whether it did, and what is told then. */
  #turn = null;
  #status = '[]';
  /** Questions whose numbers the facade is to be given, by what is asked. */
  #asks = new Map();
  /** What the engine says. */
  #said = { documents: new Map(), items: new Map(), pending: [], inbox: [], status: null };
  /** Of each document what was last compared. */
  #checked = new Map();
  #watches = new Map();
  #pending = null;
  #pendingHeard = null;
  #writes = new Map();
  #settled = [];
  #gets = [];
  #wrong = null;

  constructor({ Instance, SyncClient }) {
    const host = {
      called: (...call) => this.#heard(...call),
      opening: (whole) => (this.#host = whole),
    };
    this.#instance = new Instance('syncline/sim/0', '{}', host);
    this.#client = new SyncClient(this.#instance);
    // Without a listener it would be printed.
    this.#client.on('error', () => {});
  }

  /** A call of the facade. What is wrong with it must not look like the end of the module, which any other error would mean. */
  #heard(...call) {
    try {
      return this.#called(...call);
    } catch (error) {
      this.#wrong ??= error;
      throw error;
    }
  }

  /** Takes a turn: what begins it, what the engine says behind it, and the text of its notices. */
  async take(line, notices) {
    try {
      await this.#take(line, notices);
    } finally {
      if (this.#wrong) throw this.#wrong;
    }
  }

  async #take(line, notices) {
    for (const part of ['documents', 'items']) {
      for (const [name, value] of Object.entries(line[part] ?? {})) this.#said[part].set(name, value);
    }
    for (const part of ['pending', 'inbox', 'status']) if (part in line) this.#said[part] = line[part];
    if (line.opened) this.#status = line.opened;
    this.#turn = { notices, isTold: false };
    const [what, ...given] = line.call ?? [];
    if (what) this[what](...given);
    if (what === 'get' || what === 'watch' || what === 'pull' || ASKS.has(what)) await settle();
    this.#tell();
    this.#turn = null;
    if (what || /"notice":"(durable|settled|answered|opened)"/.test(notices)) await settle();
    this.#compare(line);
  }

  /** The tab is gone: what was open ends. */
  async end(error) {
    this.#instance.end('closed', error);
    await settle();
    for (const [id, write] of this.#writes) if (!write.settlement) throw new Difference(`the write ${id} behind the end of the tab`, 'no ending', 'none');
  }

  // ---- what the app does

  hold(name) {
    const [collection, key] = names(name);
    this.#expect('hold', collection, '', [key]);
    this.#client.documents(collection).peek(key);
    this.#must();
  }

  watch(name, ask) {
    const [collection, key] = names(name);
    if (ask) this.#asks.set(`load ${name}`, ask);
    if (this.#watches.has(name)) return void (ask && this.#client.documents(collection).get(key));
    const watch = { heard: undefined, hears: 0 };
    this.#watches.set(name, watch);
    watch.stop = this.#client.documents(collection).watch(key).subscribe((value, change) => {
      if (change) equal(`operations heard of ${name}`, Object.isFrozen(change), true);
      Object.assign(watch, { heard: value, hears: watch.hears + 1 });
    });
  }

  unwatch(name) {
    this.#watches.get(name)?.stop();
    this.#watches.delete(name);
  }

  get(name, ask) {
    const [collection, key] = names(name);
    if (ask) this.#asks.set(`load ${name}`, ask);
    this.#client.documents(collection).get(key).then((value) => this.#gets.push([name, value]), () => {});
  }

  observe(name) {
    const [collection, key] = names(name);
    this.#expect('observe', collection, key);
    this.#client.documents(collection).status(key).current;
    this.#must();
  }

  watchPending() {
    this.#expect('observe', '', '');
    this.#pending = this.#client.pendingItems.subscribe((items) => (this.#pendingHeard = items));
    this.#must();
  }

  unwatchPending() {
    this.#expect('unobserve', '', '');
    this.#pending();
    this.#pending = null;
    this.#must();
  }

  cancel(id) {
    const write = this.#writes.get(id);
    this.#expect('cancel', '', id);
    if (write && !write.settlement) write.handle.rollback().then((yes) => (write.isTakenBack = yes));
    else this.#instance.call('cancel', '', id);
    this.#must();
  }

  pull(number, feed) {
    this.#asks.set(feed ? `pull /${feed}` : 'pull ', number);
    this.#client.pull({ feed }).catch(() => {});
  }

  push(number, timeoutMs) {
    this.#asks.set('push ', number);
    this.#client.push(timeoutMs === null ? {} : { timeoutMs }).catch(() => {});
  }

  sync(number, name, timeoutMs) {
    const [collection, key] = names(name);
    this.#asks.set(`sync ${name}`, number);
    this.#client.syncImmediately({ collection, key }, timeoutMs === null ? {} : { timeoutMs }).catch(() => {});
  }

  wait(number, timeoutMs) {
    this.#asks.set('wait ', number);
    this.#client.waitForPendingUpdates({ timeoutMs });
  }

  retry(number, id, edited) {
    this.#asks.set(`retry /${id}`, number);
    this.#client.inbox.retry(id, edited ?? undefined).catch(() => {});
  }

  discard(number, id) {
    this.#asks.set(`discard /${id}`, number);
    this.#client.inbox.discard(id).catch(() => {});
  }

  write(id, edits, after, reads, views) {
    this.#turn.ids = [id];
    this.#turn.views = views;
    const isGroup = edits.length > 1 || after.length > 0 || reads.length > 0;
    const handle = isGroup ? this.#writeGroup(edits, after, reads) : this.#writeOne(...edits[0]);
    this.#must();
    const write = { handle, settlement: null };
    this.#writes.set(id, write);
    equal('the id of a write', handle.id, id);
    handle.durable.then((durability) => (write.durability = durability), () => {});
    handle.settled.then((settlement) => {
      write.settlement = settlement;
      this.#settled.push([id, settlement.ending, settlement.error?.code ?? null]);
    });
  }

  #writeOne(name, edit) {
    const [collection, key] = names(name);
    const documents = this.#client.documents(collection);
    const [kind, given] = typeof edit === 'string' ? [edit, null] : Object.entries(edit)[0];
    switch (kind) {
      case 'put':
        this.#expect('put', collection, key, given);
        return documents.put(key, given);
      case 'merge':
        this.#expect('merge', collection, key, given);
        return documents.update(key, given);
      case 'patch':
        // A draft makes a patch of what is there; this one may be of what is not in memory.
        this.#expect('patch', collection, key);
        return this.#instance.writeOne('patch', collection, key, JSON.stringify({ set: Object.fromEntries(given.set), remove: given.remove }));
      case 'delete':
        this.#expect('delete', collection, key);
        return documents.delete(key);
      case 'increment':
        this.#expect('increment', collection, key, given);
        return documents.increment(key, given.path, given.by);
      case 'append':
        this.#expect('append', collection, key, given);
        return documents.append(key, given.path, given.items);
      case 'splice':
        this.#expect('splice', collection, key, given);
        return documents.splice(key, given.path, given.at, given.remove, given.insert);
      default:
        throw new Difference('a write', 'no way to say it', edit);
    }
  }

  #writeGroup(edits, after, reads) {
    const kinds = edits.map(([, edit]) => (typeof edit === 'string' ? edit : Object.keys(edit)[0]));
    this.#expect('mutate', '', '');
    if (kinds.every((kind) => ['put', 'merge', 'delete'].includes(kind)) && reads.every((name) => name in this.#turn.views)) {
      const change = (tx) => {
        for (const name of reads) tx.get(...names(name));
        edits.forEach(([name, edit], at) => {
          if (kinds[at] === 'put') tx.put(...names(name), edit.put);
          else if (kinds[at] === 'merge') tx.patch(...names(name), edit.merge);
          else tx.delete(...names(name));
        });
      };
      return this.#client.mutate(change, { after });
    }
    const writes = edits.map(([name, edit], at) => {
      const [collection, key] = names(name);
      const value = kinds[at] === 'delete' ? null : kinds[at] === 'patch' ? { ...edit.patch, set: Object.fromEntries(edit.patch.set) } : edit[kinds[at]];
      return { op: kinds[at], collection, key, value };
    });
    const read = reads.map((name) => ({ collection: names(name)[0], key: names(name)[1] }));
    return this.#instance.writeOne('mutate', '', '', JSON.stringify({ writes, reads: read, after, atomic: true }));
  }

  // ---- the module's side

  /** The facade is about to make this call, which begins the turn. */
  #expect(...call) {
    this.#turn.call = call;
  }

  #must() {
    if (this.#turn.call) throw new Difference('a call of the module', 'not made', this.#turn.call);
  }

  #called(operation, collection, key, text) {
    if (operation === 'status') return this.#status;
    if (operation === 'view') return this.#view(`${collection}/${key}`);
    if (operation === 'load') [key] = JSON.parse(text);
    const ask = `${operation} ${collection || key ? `${collection}/${key}` : ''}`;
    if (ASKS.has(operation)) {
      if (!this.#asks.has(ask)) throw new Difference('a question to the module', ask, 'none');
      const number = this.#asks.get(ask);
      this.#asks.delete(ask);
      this.#tell();
      return number;
    }
    const expected = this.#turn?.call;
    if (!expected) throw new Difference('a call of the module', [operation, collection, key, text], 'none');
    equal('a call of the module', [operation, collection, key], expected.slice(0, 3));
    if (expected.length > 3) equal(`what ${operation} is given`, JSON.parse(text), expected[3]);
    this.#turn.call = null;
    this.#tell();
    return JSON.stringify(this.#turn.ids);
  }

  #view(name) {
    const view = this.#turn.views[name];
    return view;
  }

  #tell() {
    if (!this.#turn || this.#turn.isTold) return;
    this.#turn.isTold = true;
    if (this.#turn.notices !== '[]') this.#host.notify(this.#turn.notices);
  }

  // ---- what is compared

  #compare({ settled = [], status, inbox }) {
    const said = this.#said;
    for (const [name, value] of said.documents) this.#compareDocument(name, value);
    for (const [name, value] of said.items) {
      const [collection, key] = names(name);
      const shown = this.#client.documents(collection).status(key).current;
      if (shown.state !== value.state || shown.lastSync !== value.lastSync) throw new Difference(`the status of ${name}`, shown, value);
    }
    if (status) this.#compareStatus(status);
    if (inbox) this.#compareInbox(inbox);
    if (this.#pending) {
      const shown = this.#client.pendingItems.current;
      equal('what its watcher heard to be pending', this.#pendingHeard, shown);
      const sorted = (items) => items.map(({ collection, key }) => `${collection}/${key}`).sort();
      equal('what is pending', sorted(shown), sorted(said.pending));
    }
    const mine = settled.filter(([id]) => this.#writes.has(id)).map(String).sort();
    equal('what has ended', this.#settled.map(String).sort(), mine);
    for (const [id] of this.#settled) this.#compareEnding(id, this.#writes.get(id));
    this.#settled = [];
    for (const [name, value] of this.#gets) if (said.documents.get(name) !== false) equal(`what was got of ${name}`, value, parsed(said.documents.get(name)));
    this.#gets = [];
  }

  #compareDocument(name, value) {
    // One that is not in memory is nothing that the engine could say anything of.
    if (value === false) return;
    const [collection, key] = names(name);
    const shown = this.#client.documents(collection).peek(key);
    const watch = this.#watches.get(name);
    const checked = this.#checked.get(name);
    if (watch && watch.heard !== shown) throw new Difference(`what the watcher of ${name} heard`, watch.heard, shown);
    if (checked && checked.shown === shown && checked.value === value) return;
    this.compared += 1;
    equal(`the document ${name}`, shown, parsed(value));
    equal(`whether ${name} is frozen`, Object.isFrozen(shown), true);
    this.#checked.set(name, { shown, value });
  }

  #compareStatus({ storage, mirror, error, ...status }) {
    const { storage: shownStorage, error: shownError, ...shown } = this.#client.status.current;
    equal('the status', shown, status);
    equal('the storage in the status', [shownStorage.kind, shownStorage.mirror], [storage, mirror ? 'on' : 'off']);
    equal('the error in the status', fault(shownError), fault(error));
  }

  #compareInbox(inbox) {
    const shown = this.#client.inbox.current.map((item) => ({ ...item, error: fault(item.error), documents: item.documents.map((document) => ({ ...document })) }));
    const said = inbox.map(([header, body]) => {
      const documents = body.documents.map(({ collection, key, base = null, local = null, server = null }) => ({ collection, key, base, local, server }));
      return { id: header.entry, ending: header.ending, fields: header.fields ?? null, at: header.at, ...documents[0], documents, error: fault(header.error) };
    });
    const sorted = (items) => items.sort((one, other) => (one.id < other.id ? -1 : 1));
    equal('the inbox', sorted(shown), sorted(said));
  }

  #compareEnding(id, { settlement, isTakenBack }) {
    const gone = settlement.ending === 'cancelled' || settlement.ending === 'rejected';
    if (isTakenBack !== undefined) equal(`whether ${id} was taken back`, isTakenBack, gone);
    this.#writes.get(id).handle = null;
  }
}

/** Questions that are answered later, and what the module calls them. */
const ASKS = new Set(['load', 'pull', 'push', 'sync', 'wait', 'retry', 'discard']);
