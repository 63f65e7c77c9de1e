// Which documents have writes that have not ended. The engine tells of them only as long as somebody looks.

import { Audience, sourceOf } from './source.js';

export class Pending {
  #observe;
  #watched = false;
  #items = new Map();
  #revision = { order: 0, read: () => NONE };
  #audience = new Audience(() => this.#latest(), (yes) => this.#look((this.#watched = yes)));
  source = sourceOf(() => this.#audience);

  /** `observe(yes)` asks the engine to tell, at first of all that are, or no longer to. */
  constructor(observe) {
    this.#observe = observe;
  }

  /** Takes in what the engine tells, and gives what tells of it. */
  take({ added, removed }, order) {
    for (const item of removed) this.#items.delete(named(item));
    for (const item of added) this.#items.set(named(item), this.#items.get(named(item)) ?? Object.freeze(item));
    const items = Object.freeze([...this.#items.values()]);
    const before = this.#revision.read();
    // Whoever looks again is told all again: what is the same keeps its identity.
    if (items.length === before.length && items.every((item, at) => named(item) === named(before[at]))) return undefined;
    const revision = (this.#revision = { order, read: () => items });
    return () => this.#audience.emit(revision);
  }

  /** For a module that was started again and knows of nobody who looks. */
  retell() {
    if (this.#watched) this.#look(true);
  }

  complete() {
    this.#audience.complete();
  }

  #latest() {
    if (!this.#watched) {
      this.#look(true);
      this.#look(false);
    }
    return this.#revision;
  }

  #look(yes) {
    if (yes) this.#items.clear();
    this.#observe(yes);
  }
}

const NONE = Object.freeze([]);

function named({ collection, key }) {
  return JSON.stringify([collection, key]);
}
