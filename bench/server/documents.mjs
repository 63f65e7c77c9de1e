// What every protocol of the bench server commits to: documents in memory,
// each with the position of its last change.

import { contents } from '../messages.mjs';

export class Documents {
  // In the order of last commit: a document that changes goes to the end.
  #byKey = new Map();
  #seq = 0;

  /** The position of the last commit. */
  get seq() {
    return this.#seq;
  }

  /** Commits `[key, value]` pairs, none at all too, and returns the position of the commit. */
  commit(pairs) {
    this.#seq += 1;
    for (const [key, value] of pairs) {
      this.#byKey.delete(key);
      this.#byKey.set(key, { value, seq: this.#seq });
    }
    return this.#seq;
  }

  /** The position at which a document was last committed; `undefined` where there is none. */
  seqOf(key) {
    return this.#byKey.get(key)?.seq;
  }

  /** What changed after a position, oldest first. */
  changedSince(seq) {
    return [...this.#byKey]
      .filter(([, document]) => document.seq > seq)
      .map(([key, document]) => ({ key, ...document }));
  }

  /** Count and checksum, for the check after a run. */
  contents() {
    return contents([...this.#byKey.values()].map((document) => document.value));
  }
}
