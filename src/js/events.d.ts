// What a client reports besides its status.

import type { JsonValue, Pointer, SyncError } from './index.js';

/** What a client reports besides its status. */
export interface ClientEvents {
  /** Something went wrong that belongs to no call. Without a listener it goes to the console. */
  error: SyncError;
  /** The browser lost the store. It is told once, to those who listen, or else to those who begin to in one task; after a second without any, to the console, too. */
  storage: StorageReset;
  /** Somebody else has changed what this client changed, and rules settled it, or a person or the app's function (the rules `manual` and `app`). */
  conflict: ConflictReport;
}

/** What became of the writes in a store that the browser has lost. Documents come again from the server. */
export interface StorageReset {
  readonly reset: true;
  /** Writes that had not ended and were brought back. They go on under their ids. */
  readonly recovered: number;
  /** Writes that were durable, had not ended, and are gone: `0` where all of them had waited for their mirror (`mirror: 'await'`) and that is whole, else `null`: nobody can know. */
  readonly lost: number | null;
}

/** Places of a document that this client and somebody else had changed, and how they were settled. */
export interface ConflictReport {
  readonly collection: string;
  readonly key: string;
  readonly conflicts: readonly {
    readonly place: Pointer;
    /** The rule, by name. */
    readonly rule: string;
    /** Whose value is there. */
    readonly taken: 'local' | 'remote' | 'both' | 'other';
    /** What the other had there; missing where that was nothing, or is there too. */
    readonly lost?: JsonValue;
    /** Of a text that has both: begin and end of what local wrote and of what remote wrote, four numbers for each place, in UTF-16 units. */
    readonly marks?: readonly number[];
  }[];
}
