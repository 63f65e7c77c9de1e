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
  /** Whether the engine tells of it. */
  held = false;
  /** The answer that is being waited for. */
  loading = null;
  /** Whether what is known is about to be told once more: by another module, or since a list has it. */
  retold;

  constructor(cells, collection, key, first) {
    super(() => this.revision, (yes) => cells.watched(this, yes));
    this.#cells = cells;
    this.collection = collection;
    this.key = key;
    this.revision = first;
    this.retold = first !== undefined;
  }

  /** What the app watches. It finds its document again after that has been out of view. */
  get source() {
    this.#source ??= sourceOf(() => this.#cells.at(this.collection, this.key));
    return this.#source;
  }
}

/**
 * All documents in view. `owner.hold(cells, yes)` asks the engine to tell of documents' changes, or no longer to, and
 * `owner.load(cells)` does the first, and resolves when they are in memory. `known(collection, key)` is what is known before anything was told.
 */
export class Cells {
  #owner;
  #collections = new Map();
  // In the order of use: a Set keeps it.
  #idle = new Set();
  #completed = false;
  #known;
  #wanted = [];
  #loading;

  constructor(owner, known) {
    this.#owner = owner;
    this.#known = known;
  }

  /** The document in view, if it is. */
  find(collection, key) {
    return this.#collections.get(collection)?.get(key);
  }

  /** The document, in view from here on. What is loaded next is held with that. */
  at(collection, key, isLoaded = false) {
    let cell = this.find(collection, key);
    if (cell === undefined) {
      cell = new Cell(this, collection, key, this.#known(collection, key));
      let cells = this.#collections.get(collection);
      if (cells === undefined) this.#collections.set(collection, (cells = new Map()));
      cells.set(key, cell);
      if (this.#completed) cell.complete();
    }
    // What is known without having been told is told once more.
    if ((!isLoaded || cell.retold) && !cell.held) this.#owner.hold([cell], (cell.held = true));
    this.#settle([cell]);
    return cell;
  }

  /** Resolves when the document is in memory. */
  load(cell) {
    if (!cell.loading) {
      // The first one begins, when all of the tick are there.
      if (this.#wanted.push(cell) === 1) this.#loading = Promise.resolve().then(() => this.#load());
      cell.loading = this.#loading;
      this.#settle([cell]);
    }
    return cell.loading;
  }

  #load() {
    const cells = this.#wanted;
    this.#wanted = [];
    return this.#owner.load(cells).finally(() => {
      for (const cell of cells) cell.loading = null;
      this.#settle(cells);
    });
  }

  watched(cell, yes) {
    cell.watched = yes;
    this.#settle([cell]);
    if (yes && cell.revision === undefined && !this.#completed) this.load(cell).catch(IN_THE_STATUS);
  }

  /** For a module that was started again and knows of nothing. */
  retell() {
    const cells = this.#all();
    for (const cell of cells) cell.retold = true;
    this.#owner.hold(cells, true);
    for (const cell of cells) this.load(cell).catch(IN_THE_STATUS);
  }

  complete() {
    this.#completed = true;
    for (const cell of this.#all()) cell.complete();
  }

  #all() {
    return [...this.#collections.values()].flatMap((cells) => [...cells.values()]);
  }

  /** Puts documents where their use says: those that were idle longest go when there are too many. */
  #settle(cells) {
    for (const cell of cells) {
      this.#idle.delete(cell);
      if (!cell.watched && !cell.loading) this.#idle.add(cell);
    }
    const gone = [];
    for (const cell of this.#idle) {
      if (this.#idle.size <= IDLE_MAX) break;
      this.#idle.delete(cell);
      this.#collections.get(cell.collection).delete(cell.key);
      gone.push(cell);
    }
    this.#owner.hold(gone, false);
  }
}

/** Nobody awaits a load that a watcher caused: what went wrong is in the status. */
const IN_THE_STATUS = () => {};
