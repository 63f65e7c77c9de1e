// Lists that follow a collection: all of its documents, of which the engine tells one by one, filtered, sorted and cut.

import { isObject } from './apply.js';
import { check, report } from './errors.js';
import { isWhole } from './names.js';
import { Revision } from './revive.js';
import { Audience, sourceOf } from './source.js';

/** So long a collection stays that no list shows any more. */
const LINGER_MS = 10_000;
/** When one of so many rows has changed, all are sorted anew. */
const FEW = 16;

const ABSENT = Revision.of(undefined, 0);

/** All collections that lists show. `owner.hold(cells, false)` and `owner.load(cells)` are those of `Cells`: a cell without a key is a whole collection. */
export class Rolls {
  #owner;
  #rolls = new Map();
  #completed = false;

  constructor(owner) {
    this.#owner = owner;
  }

  /** What the app watches: the documents that the query finds, each as `shape(row)`. */
  source(collection, query, shape) {
    const list = new List(checked(query), shape, () => this.#rolls.get(collection), (yes) => this.#watched(collection, list, yes));
    return sourceOf(() => list);
  }

  find(collection) {
    return this.#rolls.get(collection);
  }

  /** The document, where all of its collection is in memory. */
  known(collection, key) {
    const roll = this.#rolls.get(collection);
    return roll?.isLoaded ? (roll.revisions.get(key) ?? ABSENT) : undefined;
  }

  /** Lists hear of a turn when all of it was taken in. */
  tell() {
    for (const roll of this.#rolls.values()) if (roll.isTouched) roll.tell();
  }

  /** For a module that was started again and knows of nothing. */
  retell() {
    for (const roll of this.#rolls.values()) roll.begin(this.#owner);
  }

  complete() {
    this.#completed = true;
    for (const roll of this.#rolls.values()) roll.complete();
  }

  #watched(collection, list, yes) {
    let roll = this.#rolls.get(collection);
    if (roll === undefined) {
      if (!yes) return;
      this.#rolls.set(collection, (roll = new Roll(collection)));
      if (!this.#completed) roll.begin(this.#owner);
    }
    clearTimeout(roll.timer);
    if (yes) roll.lists.add(list);
    else roll.lists.delete(list);
    if (this.#completed) list.complete();
    else if (roll.lists.size === 0) roll.timer = setTimeout(() => this.#leave(roll), LINGER_MS);
  }

  #leave(roll) {
    this.#rolls.delete(roll.cell.collection);
    if (!this.#completed) this.#owner.hold([roll.cell], false);
  }
}

/** All documents of one collection. */
class Roll {
  cell;
  /** Of each document that is there. */
  revisions = new Map();
  lists = new Set();
  isLoaded = false;
  isTouched = false;
  timer;
  /** Documents that were not told of since the module was started again. */
  #untold = new Set();
  #begun = 0;

  constructor(collection) {
    this.cell = { collection, key: '' };
  }

  async begin(owner) {
    const begun = ++this.#begun;
    this.isLoaded = false;
    this.#untold = new Set(this.revisions.keys());
    try {
      await owner.load([this.cell]);
    } catch {
      // What went wrong is in the status; after a panic it begins anew.
      return;
    }
    if (begun !== this.#begun) return;
    this.isLoaded = true;
    for (const key of [...this.#untold]) this.take(key, null);
    this.tell();
  }

  /** The document is this; `null`: there is none. */
  take(key, revision) {
    this.#untold.delete(key);
    if (revision === null) this.revisions.delete(key);
    else this.revisions.set(key, revision);
    this.isTouched = true;
    for (const list of this.lists) list.touch(key);
  }

  tell() {
    this.isTouched = false;
    if (this.isLoaded) for (const list of [...this.lists]) list.tell();
  }

  complete() {
    clearTimeout(this.timer);
    for (const list of [...this.lists]) list.complete();
  }
}

/** One list. It follows its collection as long as somebody listens; who only reads it makes it anew. */
class List extends Audience {
  #query;
  #shape;
  #roll;
  #rows = [];
  #rowOf = new Map();
  #touched = null;
  #order = 0;
  #revision;

  constructor(query, shape, roll, watched) {
    super(() => this.#latest(), (yes) => {
      // Whoever comes or goes has followed nothing so far.
      this.#touched = null;
      watched(yes);
    });
    this.#query = query;
    this.#shape = shape;
    this.#roll = roll;
  }

  touch(key) {
    this.#touched?.add(key);
  }

  tell() {
    const before = this.#revision;
    const now = this.#latest();
    if (now !== before) this.emit(now);
  }

  #latest() {
    const roll = this.#roll();
    if (!roll?.isLoaded) return this.#revision;
    const touched = this.#touched ?? new Set([...this.#rowOf.keys(), ...roll.revisions.keys()]);
    this.#touched = roll.lists.has(this) ? new Set() : null;
    if (this.#follow(touched, roll.revisions) || this.#revision === undefined) this.#cut();
    return this.#revision;
  }

  /** Takes in what has changed. Whether that is anything to the list. */
  #follow(touched, revisions) {
    const isMuch = touched.size * FEW > this.#rows.length;
    let isNews = false;
    for (const key of touched) {
      const before = this.#rowOf.get(key);
      const document = revisions.get(key)?.read();
      if (before !== undefined && before.document === document) continue;
      const row = document !== undefined && this.#query.finds(document) ? { key, document, by: this.#query.by(document) } : undefined;
      if (row === before) continue;
      isNews = true;
      if (!isMuch && before !== undefined) this.#rows.splice(this.#place(before), 1);
      if (!isMuch && row !== undefined) this.#rows.splice(this.#place(row), 0, row);
      if (row === undefined) this.#rowOf.delete(key);
      else this.#rowOf.set(key, row);
    }
    if (isNews && isMuch) this.#rows = [...this.#rowOf.values()].sort(this.#query.order);
    return isNews;
  }

  /** Where a row is, or belongs. */
  #place(row) {
    let [from, to] = [0, this.#rows.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#query.order(this.#rows[middle], row) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #cut() {
    const shown = this.#rows.slice(0, this.#query.limit);
    for (const row of shown) row.shown ??= this.#shape(row);
    const before = this.#revision?.read();
    if (before?.length === shown.length && shown.every((row, at) => row.shown === before[at])) return;
    const list = Object.freeze(shown.map((row) => row.shown));
    this.#revision = { order: ++this.#order, read: () => list };
  }
}

/** A query as it was given, as functions. */
function checked({ where = {}, orderBy, descending = false, limit = Infinity, ...rest } = {}) {
  const finds = typeof where === 'function' ? where : (document) => Object.keys(where).every((name) => same(document?.[name], where[name]));
  const fits = (typeof where === 'function' || isObject(where)) && (orderBy === undefined || typeof orderBy === 'string') && typeof descending === 'boolean';
  check(fits && (limit === Infinity || isWhole(limit)) && Object.keys(rest).length === 0, 'a query has where, orderBy, descending and limit');
  const sign = descending ? -1 : 1;
  return {
    limit,
    finds: (document) => guarded(finds, document),
    by: (document) => (orderBy === undefined ? undefined : document?.[orderBy]),
    order: (one, other) => sign * compare(one.by, other.by) || compare(one.key, other.key),
  };
}

/** A query that throws finds nothing, and harms nobody. */
function guarded(finds, document) {
  try {
    return Boolean(finds(document));
  } catch (error) {
    report(error);
    return false;
  }
}

function same(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** Texts come after numbers, numbers after `true` and `false`, and these after everything else. */
function compare(one, other) {
  const [rank, otherRank] = [RANKS.indexOf(typeof one), RANKS.indexOf(typeof other)];
  if (rank !== otherRank || rank < 0) return rank - otherRank;
  return one < other ? -1 : Number(one > other);
}

const RANKS = ['boolean', 'number', 'string'];
