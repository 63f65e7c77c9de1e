// The module's client behind a client of the app: calls into it, and another one in its place after a panic.

import { Client } from './syncline.js';

import { fromFault, isFault, SyncError } from './errors.js';
import { Fold } from './fold.js';
import { checkCall } from './migrate.js';
import { Mirror } from './mirror.js';
import { ended, enter, leave } from './module.js';
import { Stay } from './stay.js';
import { Tabs } from './tabs.js';

export class Instance {
  clientId = '';
  #options;
  #host;
  #auth;
  #client = null;
  /** Of the module's present client: what it tells and listens under. One that was given up is no longer heard and hears nothing. */
  #life = null;
  /** Why no call can be made; `null` where one can. */
  #absent = new SyncError('CLOSED', 'the client is not open yet');
  #ready;
  #settleReady = null;
  #closing = null;
  /** Whether the app wants anything to be sent: `start` or `stop`. */
  #running = 'start';
  #over = false;
  #stay;
  /** Resolves when the last client's mirror is closed. */
  #mirrored = Promise.resolve();

  /**
   * `database` is that of `options`. `options` and `host` as the module's `Client.open` takes them; `life`, `notify` and `panicked` are added here. `auth` has the
   * tokens; `guard` hears whether writes would be lost with the page; `resolvers` are the app's functions for conflicts.
   */
  constructor(database, options, host, auth, guard, resolvers) {
    this.fold = new Fold(this, guard, resolvers);
    this.#options = options;
    this.#host = host;
    this.#auth = auth;
    this.#await();
    enter(this);
    this.#stay = new Stay(database, () => this.#destroyed());
    this.start();
  }

  /** Resolves when calls can be made; rejects when none ever will be. */
  get ready() {
    return this.#ready;
  }

  /** Makes a call, as the module's `Client.call` takes it. */
  call(...call) {
    if (this.#absent) throw this.#absent;
    return this.#try(...call);
  }

  /** Asks what is answered later. */
  async ask(...call) {
    await this.#ready;
    return this.fold.answer(this.call(...call));
  }

  /** Writes. */
  write(...call) {
    const ids = JSON.parse(this.call(...call));
    return { ids, ...this.fold.mutations.follow(ids) };
  }

  /** What the app wants outlasts a panic. */
  run(running) {
    this.call(running);
    this.#running = running;
  }

  /** Writes, to be held by the app as one write. */
  writeOne(...call) {
    const { ids, durable, settled } = this.write(...call);
    const one = settled.then((all) => all.find(({ ending }) => ending !== 'applied') ?? all[0]);
    return { id: ids[0], durable, settled: one, rollback: () => this.#rollBack([...ids], settled) };
  }

  /** Takes writes back, the last one first: it may come after the others. */
  async #rollBack(ids, settled) {
    ids.reverse().forEach((id) => this.call('cancel', '', id));
    return (await settled).every(({ ending }) => ending === 'cancelled' || ending === 'rejected');
  }

  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // ---- called by the module's keeper

  /** Opens a client in the module. */
  async start() {
    const life = (this.#life = new AbortController());
    await this.#stay.entered;
    if (life !== this.#life) return;
    const { name, scope, config = {} } = JSON.parse(this.#options);
    const tabs = new Tabs(name, scope, life.signal, (what, text) => this.#client && this.#try(what, '', '', text));
    const mirror = new Mirror(config.mirror, life.signal, (order = '') => this.#client && this.#try('mirrored', '', '', `${order}`));
    this.#mirrored = mirror.gone;
    const host = {
      ...this.#host,
      life,
      shares: Tabs.haveLocks,
      post: (text) => tabs.post(text),
      steal: () => tabs.steal(),
      mirror,
      notify: (text) => life === this.#life && this.fold.turn(text),
      panicked: (message) => life === this.#life && ended(new Error(message)),
    };
    try {
      this.#client = Client.open(this.#afterPanic(), host);
      tabs.enter();
    } catch (thrown) {
      if (isFault(thrown)) this.end('dead', fromFault(thrown));
      else ended(thrown);
    }
  }

  /** The module has ended, and `start` follows. */
  lost(error) {
    this.#leave();
    this.#absent = error;
    this.#await();
    this.fold.lost(error);
  }

  /** It is over, in this phase; the status tells of the error unless the app asked for it. */
  end(phase, error, told = error) {
    leave(this);
    this.#over = true;
    this.#leave();
    // Who deletes the store would leave behind what is written after that.
    this.#mirrored.then(() => this.#stay.leave());
    this.#absent = error;
    this.#await();
    this.#settleReady.reject(error);
    this.fold.end(phase, error, told);
  }

  // ---- called by the fold

  opened(clientId) {
    if (this.#client === null) return;
    this.clientId = clientId;
    this.#absent = null;
    if (this.#running === 'stop') this.#try('stop');
    this.#settleReady.resolve();
    this.#settleReady = null;
    this.fold.turn(this.#try('status'));
    this.fold.retell();
    this.fold.room.ask();
  }

  openFailed(error) {
    this.end('dead', error);
  }

  tokenWanted(reason) {
    this.#auth?.ask(reason, (answer) => this.#client && this.#try('token', '', '', answer));
  }

  tokenGivenUp() {
    this.#auth?.giveUp();
  }

  hold(cells, held) {
    if (!this.#absent) for (const names of byCollection(cells)) this.#try(held ? 'hold' : 'release', ...names);
  }

  /** Of a document its status; without one, which are pending. */
  observe(yes, { collection = '', key = '' } = {}) {
    if (!this.#absent) this.#try(yes ? 'observe' : 'unobserve', collection, key);
  }

  load(cells) {
    return Promise.all(byCollection(cells).map((names) => this.ask('load', ...names)));
  }

  /** What the module throws on purpose becomes an error; anything else means that it has ended. */
  #try(operation, collection = '', key = '', text = '') {
    checkCall();
    try {
      return this.#client.call(operation, collection, key, text);
    } catch (thrown) {
      throw isFault(thrown) ? fromFault(thrown) : ended(thrown);
    }
  }

  /** The options for the module's client; one that comes in the place of another is told what is still awaited. */
  #afterPanic() {
    const { awaited } = this.fold.mutations;
    if (awaited.length === 0) return this.#options;
    const options = JSON.parse(this.#options);
    return JSON.stringify({ ...options, config: { ...options.config, awaited } });
  }

  #leave() {
    this.#auth?.giveUp();
    this.#life?.abort();
    this.#life = this.#client = null;
  }

  /** Makes `ready` wait, unless it does already. */
  #await() {
    if (this.#settleReady) return;
    this.#ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    // Who calls hears of it; nobody has to.
    this.#ready.catch(() => {});
  }

  /** Somebody deletes the store: nothing of it may be stored, sent or shown again. */
  #destroyed() {
    this.#client?.free();
    this.end('closed', new SyncError('CLOSED', 'the store was destroyed'));
  }

  async #close() {
    while (!this.#over) {
      let failure = null;
      try {
        await this.ask('close');
      } catch (error) {
        failure = error;
      }
      // A panic on the way: the client that comes in its place is closed instead.
      if (failure?.code === 'WASM_PANIC' || this.#over) continue;
      this.#client?.free();
      this.end('closed', new SyncError('CLOSED', 'the client is closed'), null);
      if (failure) throw failure;
    }
  }
}

/** Of each collection its name, and the list of keys, as calls take them. */
function byCollection(cells) {
  const keys = new Map(cells.map(({ collection }) => [collection, []]));
  for (const { collection, key } of cells) keys.get(collection).push(key);
  return [...keys].map(([collection, list]) => [collection, '', JSON.stringify(list)]);
}
