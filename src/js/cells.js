// The documents that are in view, or what is known about them: those that somebody watches, and those that were used last.

import { Audience, sourceOf } from './source.js';

/** Documents that are kept though nobody watches them. */
const IDLE_MAX = 1000;

/** One document in view. `revision`: what is known of it; `undefined` until it is in memory. */
class Cell extends Audience {
  #cells;
  #source = null;
  revision;
  watched = false;
  /** The answer that is being waited for. */
  loading = null;
  /** Whether another module is about to tell what one has told before. */
  retold = false;

  constructor(cells, collection, key, first) {
    super(() => this.revision, (yes) => cells.watched(this, yes));
    this.#cells = cells;
    this.collection = collection;
    this.key = key;
    this.revision = first;
  }

  /** What the app watches. It finds its document again after that has been out of view. */
  get source() {
    this.#source ??= sourceOf(() => this.#cells.at(this.collection, this.key));
    return this.#source;
  }
}

/**
 * All documents in view. `owner.hold(cell, yes)` asks the engine to tell of a document's changes, or no longer to, and
 * `owner.load(cell)` resolves when the document is in memory. `first` is what is known before anything was told.
 */
export class Cells {
  #owner;
  #collections = new Map();
  // In the order of use: a Map keeps it.
  #idle = new Map();
  #completed = false;
  #first;

  constructor(owner, first) {
    this.#owner = owner;
    this.#first = first;
  }

  /** The document in view, if it is. */
  find(collection, key) {
    return this.#collections.get(collection)?.get(key);
  }

  /** The document, in view from here on. */
  at(collection, key) {
    let cell = this.find(collection, key);
    if (cell === undefined) {
      cell = new Cell(this, collection, key, this.#first);
      let cells = this.#collections.get(collection);
      if (cells === undefined) this.#collections.set(collection, (cells = new Map()));
      cells.set(key, cell);
      if (this.#completed) cell.complete();
      else this.#owner.hold(cell, true);
    }
    this.#settle(cell);
    return cell;
  }

  /** Resolves when the document is in memory. */
  load(cell) {
    cell.loading ??= this.#owner.load(cell).finally(() => {
      cell.loading = null;
      this.#settle(cell);
    });
    this.#settle(cell);
    return cell.loading;
  }

  watched(cell, yes) {
    cell.watched = yes;
    this.#settle(cell);
    if (yes && cell.revision === undefined && !this.#completed) this.load(cell).catch(IN_THE_STATUS);
  }

  /** For a module that was started again and knows of nothing. */
  retell() {
    for (const cell of this.#all()) {
      cell.retold = true;
      this.#owner.hold(cell, true);
      this.load(cell).catch(IN_THE_STATUS);
    }
  }

  complete() {
    this.#completed = true;
    for (const cell of this.#all()) cell.complete();
  }

  #all() {
    return [...this.#collections.values()].flatMap((cells) => [...cells.values()]);
  }

  /** Puts a document where its use says: the one that was idle longest goes when there are too many. */
  #settle(cell) {
    this.#idle.delete(cell);
    if (cell.watched || cell.loading) return;
    this.#idle.set(cell, true);
    if (this.#idle.size <= IDLE_MAX) return;
    const [oldest] = this.#idle.keys();
    this.#idle.delete(oldest);
    this.#collections.get(oldest.collection).delete(oldest.key);
    this.#owner.hold(oldest, false);
  }
}

/** Nobody awaits a load that a watcher caused: what went wrong is in the status. */
const IN_THE_STATUS = () => {};
