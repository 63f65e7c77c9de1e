// What the server has committed, read bit by bit: which writes, how often, and whether each value is whole.

import { marksIn, torn } from './writes.mjs';

const PAGE = 500;
/** Documents that many writes share: what is in them in the end counts, and each value holds all before it. */
const SHARED = ['ledgers', 'texts'];

export class Kept {
  #url;
  #row = 0;
  /** How often each mark was committed, in collections where each write is an entry. */
  #times = new Map();
  /** Marks that were ever seen. */
  #seen = new Set();
  /** The latest value of each document, and how often it was deleted, by `collection/key`. */
  #latest = new Map();
  #deleted = new Map();
  /** The position of each document of a pair. */
  #positions = new Map();
  /** Sentences about values that no write made. */
  torn = [];

  constructor(url) {
    this.#url = url;
  }

  /** Reads what is new. */
  async read() {
    for (let page = null; page === null || page.length === PAGE; ) {
      const reply = await fetch(`${this.#url}/test/history?after=${this.#row}&limit=${PAGE}`);
      if (!reply.ok) throw new Error(`the server's history: ${reply.status}`);
      page = await reply.json();
      for (const row of page) this.#take(row);
    }
  }

  /** Whether a write has come to the server; of one that is found by its document's deletion, or of a count, nobody knows by then. */
  has({ mark, kind, collection, key }) {
    const name = `${collection}/${key}`;
    if (kind === 'delete') return this.#deleted.has(name);
    return kind === 'put' && SHARED.includes(collection) ? this.#latest.has(name) : this.#seen.has(mark);
  }

  /** How often a write is to be found in the end. */
  times({ mark, kind, collection, key, keys }) {
    const name = `${collection}/${key}`;
    if (kind === 'delete') return this.#deleted.get(name) ?? 0;
    if (kind === 'group') {
      const [one, other] = keys.map((key) => this.#positions.get(`${collection}/${key}`)?.join());
      if (one !== other) this.torn.push(`${mark}: one part of the group is at ${one ?? 'no'} position, the other at ${other ?? 'none'}`);
      return (this.#times.get(mark) ?? 0) / 2;
    }
    if (!SHARED.includes(collection)) return this.#times.get(mark) ?? 0;
    if (kind === 'put') return this.#latest.has(name) ? 1 : 0;
    return marksIn(this.#latest.get(name) ?? '').filter((found) => found === mark).length;
  }

  /** The count of a ledger. */
  count(key) {
    return JSON.parse(this.#latest.get(`ledgers/${key}`) ?? '{"count":0}').count;
  }

  /** Every document as it is in the end, deleted ones as `null`: `[collection, key, value]`. */
  get documents() {
    return [...this.#latest].map(([name, text]) => [...name.split('/'), text === null ? null : JSON.parse(text)]);
  }

  #take({ row, seq, collection, key, value }) {
    this.#row = row;
    const name = `${collection}/${key}`;
    this.#latest.set(name, value);
    if (value === null) {
      this.#deleted.set(name, (this.#deleted.get(name) ?? 0) + 1);
      return;
    }
    const document = JSON.parse(value);
    const why = torn(collection, document);
    if (why !== null) this.torn.push(`${name} at ${seq}: ${why}: ${value.slice(0, 200)}`);
    if (SHARED.includes(collection)) {
      for (const mark of marksIn(value)) this.#seen.add(mark);
      return;
    }
    this.#seen.add(document.mark);
    this.#times.set(document.mark, (this.#times.get(document.mark) ?? 0) + 1);
    if (collection === 'pairs') this.#positions.set(name, [...(this.#positions.get(name) ?? []), seq]);
  }
}
