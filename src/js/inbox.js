// Refused and unknown writes, until the app makes them anew or gives them up.

import { freeze } from './apply.js';
import { check, fromFault } from './errors.js';
import { textOf } from './names.js';
import { Audience, sourceOf } from './source.js';

export class Inbox {
  #items = new Map();
  /** Those that another module has not told of yet. */
  #stale = null;
  #revision = { order: 0, read: () => NONE };
  #audience = new Audience(() => this.#revision);
  source;

  /** `ask` asks the engine what is answered later. */
  constructor(ask) {
    const about = (operation, id, text = '') => {
      check(typeof id === 'string' && this.#items.has(id), 'there is no such write in the inbox');
      return ask(operation, '', id, text).then(() => {});
    };
    this.source = Object.assign(sourceOf(() => this.#audience), {
      retry: async (id, edited) => about('retry', id, edited === undefined ? '' : textOf(edited)),
      discard: async (id) => about('discard', id),
      export: async () => this.#export(),
    });
  }

  /** Takes in what the engine tells, and gives what tells of it. */
  added({ item, write }, order) {
    if (this.#stale?.delete(item.entry) && this.#items.has(item.entry)) return undefined;
    this.#items.set(item.entry, { told: { ...item, ...write }, shown: null });
    return this.#changed(order);
  }

  removed({ entry }, order) {
    this.#items.delete(entry);
    return this.#changed(order);
  }

  /** Another module takes the place of the one that has ended, and tells everything again. */
  lost() {
    this.#stale = new Set(this.#items.keys());
  }

  /** It has told: what it does not know was not stored. */
  retell(order) {
    const gone = [...(this.#stale ?? [])].filter((id) => this.#items.delete(id));
    this.#stale = null;
    if (gone.length > 0) this.#changed(order)();
  }

  complete() {
    this.#audience.complete();
  }

  #changed(order) {
    const items = [...this.#items.values()];
    let shown;
    // It is shaped when somebody looks.
    const read = () => (shown ??= Object.freeze(items.map((item) => (item.shown ??= shape(item.told)))));
    const revision = (this.#revision = { order, read });
    return () => this.#audience.emit(revision);
  }

  #export() {
    const lines = [...this.#items.values()].map(({ told }) => `${JSON.stringify(told)}\n`);
    return new Blob(lines, { type: 'application/jsonl' });
  }
}

const NONE = Object.freeze([]);

/** An item as the app gets it: what there is of its first document stands beside the list of all. */
function shape({ entry, ending, error, fields, at, documents }) {
  const all = documents.map(({ collection, key, base = null, local = null, server = null }) => ({ collection, key, base, local, server }));
  const item = { id: entry, ending, fields: fields ?? null, at, ...all[0], documents: all };
  return Object.freeze({ ...freeze(item), error: fromFault(error) });
}
