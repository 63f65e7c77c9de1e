// What every protocol of the bench server commits to: documents in memory,
// each with the position of its last change.

import { contents } from '../messages.mjs';

export class Documents {
  #byKey = new Map();
  #seq = 0;

  /** The position of the last commit. */
  get seq() {
    return this.#seq;
  }

  /** Takes the next position for something that changes no document. */
  advance() {
    this.#seq += 1;
    return this.#seq;
  }

  /** Commits one value and returns its position. */
  put(key, value) {
    this.#seq += 1;
    this.#byKey.set(key, { value, seq: this.#seq });
    return this.#seq;
  }

  /** What changed after a position, oldest first. */
  changedSince(seq) {
    return [...this.#byKey]
      .filter(([, document]) => document.seq > seq)
      .map(([key, document]) => ({ key, ...document }))
      .sort((one, other) => one.seq - other.seq);
  }

  /** Count and checksum, for the check after a run. */
  contents() {
    return contents([...this.#byKey.values()].map((document) => document.value));
  }
}
