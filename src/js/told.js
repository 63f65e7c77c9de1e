// Things that the engine tells of by name, until it tells that they are gone: what the app sees of them is a list.

import { Audience, sourceOf } from './source.js';

export class Told {
  /** What there is, by its id: what was told, and what the app has seen of it. */
  items = new Map();
  /** Those that another module has not told of yet. */
  #stale = null;
  #revision = { order: 0, read: () => NONE };
  #audience = new Audience(() => this.#revision);
  #shape;
  source = sourceOf(() => this.#audience);

  /** `shape` makes of what was told what the app gets. */
  constructor(shape) {
    this.#shape = shape;
  }

  /** Takes in what the engine tells, and gives what tells of it. What is told once more and `isSame` keeps its identity. */
  add(id, told, order, isSame = () => true) {
    if (this.#stale?.delete(id) && this.items.has(id) && isSame(this.items.get(id).told)) return undefined;
    this.items.set(id, { told, shown: null });
    return this.#changed(order);
  }

  remove(id, order) {
    return this.items.delete(id) ? this.#changed(order) : undefined;
  }

  /** Another module takes the place of the one that has ended, and tells everything again. */
  lost() {
    this.#stale = new Set(this.items.keys());
  }

  /** It has told: what it does not know was not stored. */
  retell(order) {
    const gone = [...(this.#stale ?? [])].filter((id) => this.items.delete(id));
    this.#stale = null;
    if (gone.length > 0) this.#changed(order)();
  }

  complete() {
    this.#audience.complete();
  }

  #changed(order) {
    const items = [...this.items.values()];
    let shown;
    // It is shaped when somebody looks.
    const read = () => (shown ??= Object.freeze(items.map((item) => (item.shown ??= this.#shape(item.told)))));
    const revision = (this.#revision = { order, read });
    return () => this.#audience.emit(revision);
  }
}

const NONE = Object.freeze([]);
