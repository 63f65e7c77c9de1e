// Lists that follow a collection.

/** Which documents a live list shows, and in which order. */
export interface LiveQuery<T extends object> {
  /** Members that a document must have, or a function that says; one that throws says no. By default all. */
  where?: Partial<T> | ((document: T) => boolean);
  /** The member by which they are sorted: numbers, then texts by their units; what is neither comes first. Ties, and everything by default, go by key. */
  orderBy?: keyof T & string;
  /** Whether the largest comes first. */
  descending?: boolean;
  /** How many at most. */
  limit?: number;
}
