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

/** One rule for all fields, or rules by field; `*` in a pointer stands for any name, and for each item of a list that is merged item by item. */
export type ConflictStrategy<T> = FieldRule | { fields: { [path: Pointer]: FieldRule }; otherwise?: FieldRule };
