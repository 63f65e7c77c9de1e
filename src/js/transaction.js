// Several documents in one write: what a function reads and writes, and the text of both.

import { apply, freeze, isObject } from './apply.js';
import { patchOf } from './draft.js';
import { check, SyncError } from './errors.js';
import { name, textOf } from './names.js';

/** What the function of a `mutate` gets: it sees its own writes, and nothing of them is there before it has returned. */
export class Transaction {
  #view;
  #documents = new Map();
  #writes = [];
  #reads = [];

  /** `view` gives the text of a document, `null` where there is none, and `undefined` where nobody knows. */
  constructor(view) {
    this.#view = view;
  }

  get(collection, key) {
    const document = this.#document(collection, key);
    if (!document.seen) document.seen = this.#reads.push(textOf({ collection, key })) > 0;
    if ('value' in document) return document.value;
    const text = this.#view(collection, key);
    if (text === undefined) throw new SyncError('NOT_LOADED', `the document "${key}" is not in memory`);
    return (document.value = apply(text === null ? undefined : freeze(JSON.parse(text)), document.made));
  }

  put(collection, key, value) {
    this.#write('put', collection, key, textOf(value));
  }

  patch(collection, key, patch) {
    check(isObject(patch), 'patch takes an object of changes');
    this.#write('merge', collection, key, textOf(patch));
  }

  delete(collection, key) {
    this.#write('delete', collection, key, 'null');
  }

  /** All of it, as the module takes it. */
  static text(transaction, options) {
    return `{"writes":[${transaction.#writes}],"reads":[${transaction.#reads}],${textOf(options).slice(1)}`;
  }

  #document(collection, key) {
    const at = JSON.stringify([name(collection, 'a collection'), name(key, 'a document')]);
    let document = this.#documents.get(at);
    if (document === undefined) this.#documents.set(at, (document = { made: [], seen: false }));
    return document;
  }

  #write(op, collection, key, text) {
    const document = this.#document(collection, key);
    this.#writes.push(`{"op":"${op}",${textOf({ collection, key }).slice(1, -1)},"value":${text}}`);
    const value = JSON.parse(text);
    const operation = op === 'merge' ? patchOf(value) : { op, value };
    if ('value' in document) document.value = apply(document.value, [operation]);
    else document.made.push(operation);
  }
}
