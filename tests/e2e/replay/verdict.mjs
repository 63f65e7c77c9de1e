// What has to hold, and whether it did.

export class Verdict {
  #held = 0;
  #broken = [];

  /** Notes that something held, or that it did not. */
  must(holds, sentence) {
    if (holds) this.#held += 1;
    else this.#broken.push(sentence);
  }

  get held() {
    return this.#held;
  }

  /** The sentences that were not true. */
  get broken() {
    return this.#broken;
  }
}

/**
 * Which patch each committed text comes from: `texts` are those after no patch (the document is put before it is typed in), one, two
 * and so on, and each committed text has to be the text after a later patch than the one before it. `{ patches }`, or
 * `{ patches, stray }`, where `stray` is the place in the list of the first text that is after no such patch.
 */
export function placed(committed, texts) {
  const patches = [];
  let count = -1;
  for (const text of texts) {
    count += 1;
    if (text === committed[patches.length]) patches.push(count);
  }
  return patches.length === committed.length ? { patches } : { patches, stray: patches.length };
}
