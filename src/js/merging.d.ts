// How documents are merged that two have changed.

import type { Pointer } from './index.js';

/** How a field is decided that this client and somebody else have changed, each to something else. What only one of them changed is
 * taken as it is, and what both changed to the same counts once. docs/merging.md has an example of each. */
export type FieldRule =
  /** This client's, or the server's. */
  | 'local' | 'remote'
  /** The larger or smaller number, or text in the order of its characters. */
  | 'max' | 'min'
  /** What both have added to an integer. */
  | 'sum'
  /** A list without an order: what either added, without what either removed. */
  | 'set'
  /** A string, character by character. */
  | 'text'
  /** What never changes: what was there before both. */
  | 'fixed'
  /** That of the document with the later time in this place. Clocks are trusted. */
  | { lastWriter: Pointer }
  /** A list of objects with their names in this place, which are merged one by one. */
  | { list: Pointer }
  /** A thread of messages with their names and times in these places: each side's order stays, and what one deleted stays deleted. */
  | { messages: { id: Pointer; at: Pointer } };

/** A document that this client and somebody else have changed, and of which a person or the app's function decides. `undefined`: there is none. */
export interface ConflictInput<T> {
  readonly key: string;
  /** The document as both knew it. */
  readonly base: T | undefined;
  /** What is seen here: what this client made of it, with all that only others have changed. */
  readonly mine: T | undefined;
  /** What the server has. */
  readonly theirs: T | undefined;
  /** Where both have changed it, each to something else, and no rule decides. */
  readonly fields: readonly Pointer[];
  /** The writes that wait for it. */
  readonly mutationIds: readonly string[];
}

/** What becomes of a conflict: `mine` or `theirs` as they are, another document (`undefined`: none), or `defer`: a person decides later. */
export type ConflictDecision<T> = { take: 'mine' | 'theirs' } | { value: T | undefined } | { defer: true };

/** Who decides where no rule does: a person, by `client.conflicts`, or the app's function. It has 30 seconds. Where it throws, takes longer, says what is
 * no decision or was asked five times because something had moved, a person decides. */
export type ConflictResolver<T> = 'manual' | ((input: ConflictInput<T>) => ConflictDecision<T> | PromiseLike<ConflictDecision<T>>);

/** One rule for all fields, rules by field, or who decides; `*` in a pointer stands for any name, and for each item of a list that is merged item by item. */
export type ConflictStrategy<T> =
  | FieldRule
  | ConflictResolver<T>
  | { fields: { [path: Pointer]: FieldRule | 'manual' }; otherwise?: FieldRule | ConflictResolver<T> };

/** A conflict that waits until somebody decides. Meanwhile the document stays editable, and only what is pending of it waits. */
export interface Conflict<T> extends ConflictInput<T> {
  /** The first of its writes. */
  readonly id: string;
  readonly collection: string;
  /** Decides. Resolves when that is stored. Rejects, with nothing changed, as `ABORTED` (something of it has changed since: look at the list again),
   * `VALIDATION`, `INVALID_DOCUMENT`, `TOO_LARGE`, `STORAGE_UNAVAILABLE`, `CLOSED`. */
  resolve(decision: ConflictDecision<T>): Promise<void>;
}
