// Refused and unknown writes, until the app makes them anew or gives them up.

import { freeze } from './apply.js';
import { check, fromFault } from './errors.js';
import { textOf } from './names.js';
import { Told } from './told.js';

export class Inbox extends Told {
  /** `ask` asks the engine what is answered later. */
  constructor(ask) {
    super(shape);
    const about = (operation, id, text = '') => {
      check(typeof id === 'string' && this.items.has(id), 'there is no such write in the inbox');
      return ask(operation, '', id, text).then(() => {});
    };
    Object.assign(this.source, {
      retry: async (id, edited) => about('retry', id, edited === undefined ? '' : textOf(edited)),
      discard: async (id) => about('discard', id),
      export: async () => this.#export(),
    });
  }

  #export() {
    const lines = [...this.items.values()].map(({ told }) => `${JSON.stringify(told)}\n`);
    return new Blob(lines, { type: 'application/jsonl' });
  }
}

/** An item as the app gets it: what there is of its first document stands beside the list of all. */
function shape({ entry, ending, error, fields, at, documents }) {
  const all = documents.map(({ collection, key, base = null, local = null, server = null }) => ({ collection, key, base, local, server }));
  const item = { id: entry, ending, fields: fields ?? null, at, ...all[0], documents: all };
  return Object.freeze({ ...freeze(item), error: fromFault(error) });
}
