// The documents of a collection: reads from what is in view, writes as JSON text.

import { isObject } from './apply.js';
import { diff } from './draft.js';
import { check, SyncError } from './errors.js';
import { isWhole, name, textOf, wellFormed } from './names.js';

export class Documents {
  #instance;
  #collection;

  constructor(instance, collection) {
    this.#instance = instance;
    this.#collection = name(collection, 'a collection');
  }

  async get(key) {
    const { fold, ready } = this.#instance;
    name(key, 'a document');
    await ready;
    const cell = fold.cells.at(this.#collection, key, true);
    if (cell.revision === undefined || cell.loading) await fold.cells.load(cell);
    return cell.current();
  }

  peek(key) {
    return this.#cell(key).current();
  }

  watch(key) {
    return this.#cell(key).source;
  }

  live(query) {
    return this.#instance.fold.rolls.source(this.#collection, query, ({ document }) => document);
  }

  liveEntries(query) {
    return this.#instance.fold.rolls.source(this.#collection, query, ({ key, document }) => Object.freeze([key, document]));
  }

  status(key) {
    return this.#instance.fold.items.at(this.#collection, name(key, 'a document')).source;
  }

  put(key, value) {
    const text = textOf(value);
    return this.#write('put', key, text);
  }

  putAll(entries) {
    const members = [];
    for (const [key, value] of entries) members.push(`${JSON.stringify(name(key, 'a document'))}:${textOf(value)}`);
    return this.#instance.write('putAll', this.#collection, '', `{${members}}`);
  }

  update(key, change) {
    if (typeof change === 'function') return this.#edit(key, change);
    check(isObject(change), 'update takes an object of changes or a function that edits a draft');
    const text = textOf(change);
    return this.#write('merge', key, text);
  }

  increment(key, path, by) {
    check(wellFormed(path) && Number.isSafeInteger(by), 'increment takes a path and a whole number that a double holds');
    return this.#write('increment', key, JSON.stringify({ path, by }));
  }

  append(key, path, items) {
    check(wellFormed(path) && (typeof items === 'string' || Array.isArray(items)), 'append takes a path and a list or a string');
    return this.#write('append', key, textOf({ path, items }));
  }

  splice(key, path, at, remove, insert) {
    check(wellFormed(path) && wellFormed(insert), 'splice takes a path and an insert that are strings without lone surrogates');
    check(isWhole(at) && isWhole(remove), 'splice takes a position and a length that are whole numbers, 0 or more');
    return this.#write('splice', key, JSON.stringify({ path, at, remove, insert }));
  }

  delete(key) {
    return this.#write('delete', key, '');
  }

  #edit(key, change) {
    name(key, 'a document');
    const before = this.#instance.call('view', this.#collection, key);
    if (before === undefined) throw new SyncError('NOT_LOADED', `the document "${key}" is not in memory`);
    const draft = before === null ? {} : JSON.parse(before);
    check(typeof change(draft)?.then !== 'function', 'a draft function must not be async');
    const patch = diff(before === null ? {} : JSON.parse(before), JSON.parse(textOf(draft)));
    return this.#write('patch', key, JSON.stringify(patch));
  }

  #write(operation, key, text) {
    name(key, 'a document');
    return this.#instance.writeOne(operation, this.#collection, key, text);
  }

  #cell(key) {
    return this.#instance.fold.cells.at(this.#collection, name(key, 'a document'));
  }
}
