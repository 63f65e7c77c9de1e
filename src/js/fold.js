// What the engine tells, folded into what the app sees. Nothing is decided here.

import { freeze } from './apply.js';
import { Cells } from './cells.js';
import { Conflicts } from './conflicts.js';
import { fromFault, SyncError } from './errors.js';
import { Inbox } from './inbox.js';
import { Rolls } from './live.js';
import { Mutations } from './mutations.js';
import { Pending } from './pending.js';
import { Revision } from './revive.js';
import { Room } from './room.js';
import { Audience, sourceOf } from './source.js';

/**
 * One client's documents, writes, questions and status. `owner` hears of what concerns the client as a whole, `opened(client)`,
 * `openFailed(error)`, `tokenWanted(reason)` and `tokenGivenUp()`, and does what `Cells` asks for.
 */
export class Fold {
  #owner;
  #order = 0;
  #asks = new Map();
  #told;
  #audience = new Audience(() => this.#told);
  #troubleHeard = false;
  /** Who hears how conflicts were settled. */
  conflict = new Audience(() => undefined);
  /** Who hears of errors that belong to no call. */
  trouble = new Audience(() => undefined, (yes) => (this.#troubleHeard = yes));

  /** That the store was lost, as long as nobody has heard of it: whoever listens in the task of the first one who does hears of it. */
  #unheard;
  #storageHeard = false;
  storage = new Audience(() => this.#unheard, (yes) => {
    this.#storageHeard = yes;
    if (yes) setTimeout(() => (this.#unheard = undefined));
  });

  /** What the browser says of its storage is part of the status. */
  room = new Room(() => this.#told && this.#takeStatus(this.status.current)());

  /** `guard(yes)` hears whether writes would be lost with the page; `resolvers` are the app's functions for conflicts, by collection. */
  constructor(owner, guard, resolvers) {
    this.#owner = owner;
    this.mutations = new Mutations(guard);
    this.rolls = new Rolls(owner);
    this.cells = new Cells(owner, (collection, key) => this.rolls.known(collection, key));
    this.items = new Cells({ hold: (cells, yes) => cells.forEach((cell) => owner.observe(yes, cell)), load: async () => {} }, () => UNKNOWN);
    this.inbox = new Inbox((...call) => owner.ask(...call));
    this.conflicts = new Conflicts((...call) => owner.ask(...call), resolvers, (error) => this.#takeTrouble(error));
    this.pending = new Pending((yes) => owner.observe(yes));
    this.status = sourceOf(() => this.#audience);
  }

  /** One turn of the engine, as JSON text. It is taken in whole before anybody hears of it, so no observer sees half a turn. */
  turn(text) {
    const heard = [];
    const promises = [];
    for (const notice of JSON.parse(text)) {
      const tell = this.#take(notice);
      if (tell) (IN_THIS_TICK.has(notice.notice) ? heard : promises).push(tell);
    }
    // A call's own notices may come before it has returned the id that they name.
    if (promises.length > 0) queueMicrotask(() => promises.forEach((keep) => keep()));
    for (const tell of heard) tell();
    this.rolls.tell();
  }

  /** The answer to the question of this number. */
  answer(ask) {
    return new Promise((resolve, reject) => this.#asks.set(ask, { resolve, reject }));
  }

  /** Takes a status in, and gives what tells of it. */
  #takeStatus(told) {
    const status = Object.freeze({ ...told, storage: Object.freeze({ ...told.storage, ...this.room.known }) });
    const revision = (this.#told = { order: ++this.#order, read: () => status });
    return () => this.#audience.emit(revision);
  }

  /** The module has ended, and another one takes its place. */
  lost(error) {
    this.mutations.lost(error);
    this.inbox.lost();
    this.conflicts.lost();
    this.#refuse(error);
    this.#takeStatus({ ...this.status.current, phase: 'opening', error })();
  }

  /** Nothing more will be told. What is still awaited ends with the error; the status tells of `told`. */
  end(phase, error, told) {
    this.mutations.end(error);
    this.#refuse(error);
    this.#takeStatus({ ...this.status.current, phase, error: told })();
    this.cells.complete();
    this.rolls.complete();
    this.items.complete();
    this.pending.complete();
    this.inbox.complete();
    this.conflicts.complete();
    this.#audience.complete();
    this.conflict.complete();
    this.trouble.complete();
    this.storage.complete();
  }

  /** For a module that was started again and knows of nothing. */
  retell() {
    for (const told of [this.rolls, this.cells, this.items, this.pending]) told.retell();
    this.inbox.retell(++this.#order);
    this.conflicts.retell(++this.#order);
  }

  #take(notice) {
    switch (notice.notice) {
      case 'changed':
        return this.#takeChange(notice);
      case 'item':
        return this.#takeItem(notice);
      case 'inboxAdded':
        return this.inbox.add(notice.item.entry, { ...notice.item, ...notice.write }, ++this.#order);
      case 'inboxRemoved':
        return this.inbox.remove(notice.entry, ++this.#order);
      case 'unresolved':
        return this.conflicts.take(notice, ++this.#order);
      case 'resolved':
        return this.conflicts.drop(notice.address, ++this.#order);
      case 'pendingItems':
        return this.pending.take(notice, ++this.#order);
      case 'status':
        return this.#takeStatus(shape(notice));
      case 'durable':
        this.room.used();
        return () => this.mutations.durable(notice.mutations, notice.durability);
      case 'settled':
        return () => this.mutations.settled(notice.mutation, settlement(notice.ending));
      case 'answered':
        return () => this.#takeAnswer(notice);
      case 'tokenWanted':
        return () => this.#owner.tokenWanted(notice.reason);
      case 'tokenGivenUp':
        return () => this.#owner.tokenGivenUp();
      case 'opened':
        return () => this.#owner.opened(notice.client);
      case 'openFailed':
        return () => this.#owner.openFailed(fromFault(notice.error));
      case 'reset':
        return () => this.#takeReset(notice);
      case 'conflicted': {
        const { address, conflicts } = freeze(notice);
        return () => this.conflict.emit({ order: ++this.#order, read: () => Object.freeze({ ...address, conflicts }) });
      }
      case 'troubled':
        return () => this.#takeTrouble(fromFault(notice.error));
    }
  }

  #takeChange({ address: { collection, key }, change }) {
    const cell = this.cells.find(collection, key);
    const roll = this.rolls.find(collection);
    if (cell === undefined && roll === undefined) return undefined;
    const before = cell?.revision ?? roll?.revisions.get(key);
    const operations = change.operations && freeze(change.operations);
    const revision = this.#revised(before, change, operations, cell?.retold || roll?.isLoaded === false);
    roll?.take(key, operations || change.value !== undefined ? revision : null);
    if (cell === undefined) return undefined;
    if (cell.revision === revision) return undefined;
    cell.retold = false;
    cell.revision = revision;
    return () => cell.emit(revision, operations);
  }

  /** What a document is behind a change. Where everything is told again, what is the same keeps its identity. */
  #revised(before, { value }, operations, isRetold) {
    if (operations) return (before ?? Revision.of(undefined, 0)).after(operations, ++this.#order);
    const isSame = isRetold && before && JSON.stringify(before.read()) === JSON.stringify(value);
    return isSame ? before : Revision.of(value, ++this.#order);
  }

  #takeItem({ address, state, lastSync }) {
    const cell = this.items.find(address.collection, address.key);
    const before = cell?.current();
    if (cell === undefined || (before.state === state && before.lastSync === lastSync)) return undefined;
    const status = Object.freeze({ state, lastSync });
    const revision = (cell.revision = { order: ++this.#order, read: () => status });
    return () => cell.emit(revision);
  }

  #takeAnswer({ ask, error }) {
    const asked = this.#asks.get(ask);
    this.#asks.delete(ask);
    if (error) asked?.reject(fromFault(error));
    else asked?.resolve();
  }

  #takeTrouble(error) {
    if (!this.#troubleHeard) console.warn(error);
    this.trouble.emit({ order: ++this.#order, read: () => error });
  }

  #takeReset({ recovered, lost }) {
    const report = Object.freeze({ reset: true, recovered, lost });
    const revision = { order: ++this.#order, read: () => report };
    this.storage.emit(revision);
    if (this.#storageHeard) return;
    this.#unheard = revision;
    // Nobody may ever listen, and it must not go unsaid.
    const say = () => this.#unheard && console.warn(new SyncError('STORAGE_LOST', `the store was lost; ${recovered} writes were brought back`));
    setTimeout(say, PATIENCE_MS);
  }

  #refuse(error) {
    for (const { reject } of this.#asks.values()) reject(error);
    this.#asks.clear();
  }
}

/** News that observers hear before the call that made it returns; the rest is for promises. */
const IN_THIS_TICK = new Set(['changed', 'inboxAdded', 'inboxRemoved', 'unresolved', 'resolved', 'item', 'pendingItems', 'status']);

/** So long somebody may begin to listen. */
const PATIENCE_MS = 1_000;

/** A document's status before anything was told of it. */
const FIRST = Object.freeze({ state: 'unknown', lastSync: null });
const UNKNOWN = { order: 0, read: () => FIRST };

/** The engine's status as the app gets it. */
function shape({ notice, storage, mirror, error, ...status }) {
  return {
    ...status,
    storage: { kind: storage, mirror: mirror ? 'on' : 'off' },
    error: error ? fromFault(error) : null,
  };
}

function settlement({ error, ...ending }) {
  return error ? { ...ending, error: fromFault(error) } : ending;
}
