// One of two who type a recording into one document: each edit is placed by the characters that it is next to, in the text as it is.

import { open } from '/pkg/index.js';

const COLLECTION = 'texts';
const KEY = 'recording';
const PATH = '/text';

class Writer {
  #client;
  #documents;
  #edits;
  /** Where each character is in the recording's order. */
  #places;
  #failures = [];
  /** How many of its edits are typed, and stored. */
  #typed = 0;
  #durable = 0;
  /** How many splices were merged, since the other was first. */
  #merged = 0;

  async opened({ windowMs }) {
    this.#client = await open({ name: 'replay', scope: 'writer', transport: { url: '/sync/' }, batch: { windowMs } });
    this.#documents = this.#client.documents(COLLECTION);
    await this.#documents.get(KEY);
  }

  /** Makes the document. */
  async make() {
    await this.#documents.put(KEY, { text: '' }).settled;
  }

  /** Takes this writer's edits, of which `from` are typed already, and the order of all characters. */
  begin({ edits, order, from }) {
    this.#edits = edits;
    this.#places = new Map([...order].map((character, place) => [character, place]));
    this.#typed = this.#durable = from;
  }

  /** Types until so many are typed. */
  type(to) {
    for (; this.#typed < to; this.#typed += 1) {
      const number = this.#typed + 1;
      const writes = this.#edits[this.#typed].flatMap((step) => this.#step(...step));
      Promise.all(writes.map(({ durable }) => durable)).then(() => (this.#durable = Math.max(this.#durable, number)), (error) => this.#fail(number, error.code));
      for (const { settled } of writes) {
        settled.then(({ ending, error }) => {
          this.#merged += Number(ending === 'merged');
          if (!['applied', 'merged'].includes(ending)) this.#fail(number, `${ending} ${error?.message}`);
        });
      }
    }
  }

  /** What is known of the typing. */
  state() {
    const { pendingMutations, storage } = this.#client.status.current;
    return { typed: this.#typed, durable: this.#durable, failures: this.#failures, pending: pendingMutations, storage: storage.kind, merged: this.#merged };
  }

  /** Everything that the server has by now is here when this resolves. */
  pull() {
    return this.#client.pull();
  }

  text() {
    return this.#documents.peek(KEY)?.text ?? null;
  }

  close() {
    return this.#client.close();
  }

  /** One step of an edit: what is still there of what it takes goes, and what it writes comes behind its neighbour. */
  #step(behind, taken, written) {
    const writes = [];
    const splice = (at, remove, insert) => writes.push(this.#documents.splice(KEY, PATH, 2 * at, 2 * remove, insert));
    let text = [...this.text()];
    if (written !== '') {
      const at = behind === null ? 0 : this.#behind(text, behind);
      splice(at, 0, written);
      text = [...this.text()];
    }
    for (const character of taken) {
      const at = text.indexOf(character);
      if (at < 0) continue;
      splice(at, 1, '');
      text.splice(at, 1);
    }
    return writes;
  }

  /** The place behind a character; where it is gone, behind the nearest one before it that is there. */
  #behind(text, character) {
    const there = text.indexOf(character);
    if (there >= 0) return there + 1;
    const limit = this.#places.get(character);
    let nearest = -1;
    text.forEach((other, at) => {
      const place = this.#places.get(other);
      if (place < limit && (nearest < 0 || place > this.#places.get(text[nearest]))) nearest = at;
    });
    return nearest + 1;
  }

  #fail(number, why) {
    this.#failures.push(`edit ${number}: ${why}`);
  }
}

window.writer = new Writer();
