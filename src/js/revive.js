// A document as it was told, and its value once somebody reads it: folded once, frozen, the same from then on.

import { apply, freeze } from './apply.js';

/** Operations that nobody has read yet are folded at this many, so that what is kept stays bounded. */
const UNREAD_MAX = 1000;

/** One state of a document. */
export class Revision {
  #before;
  #operations;
  #unread = 0;
  #value;

  /** This document, which is nobody else's; `undefined`: there is none. */
  static of(value, order) {
    const revision = new Revision(order);
    revision.#value = value;
    return revision;
  }

  /** `order`: its place among all that this client was told. */
  constructor(order) {
    this.order = order;
  }

  /** The document after these operations. */
  after(operations, order) {
    const revision = new Revision(order);
    revision.#before = this;
    revision.#operations = operations;
    revision.#unread = this.#unread + operations.length;
    if (revision.#unread > UNREAD_MAX) revision.read();
    return revision;
  }

  /** The value; `undefined` where there is no document. */
  read() {
    if (!Object.isFrozen(this.#value)) freeze(this.#value);
    if (this.#before !== undefined) {
      const operations = [];
      let from = this;
      for (; from.#before !== undefined; from = from.#before) operations.push(from.#operations);
      this.#value = apply(from.read(), operations.reverse().flat());
      this.#before = this.#operations = undefined;
      this.#unread = 0;
    }
    return this.#value;
  }
}
