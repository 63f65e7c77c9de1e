/// <reference lib="esnext.disposable" />

/*
 * What this release of Syncline exports, and nothing else; `docs/api.d.ts` in the repository shows where it is going.
 *
 * All times are milliseconds; a moment is milliseconds since 1970 by this device's clock. All sizes are bytes. Whatever goes
 * wrong is a `SyncError`, thrown by calls that return at once and rejected by promises.
 */

// ------------------------------------------------------------------ loading

/** Where the WebAssembly module comes from. Left out: `syncline_bg.wasm` beside the package's own files. */
export type WasmSource = URL | string | Request | Response | PromiseLike<Response> | BufferSource | WebAssembly.Module;

/** How the module is loaded. */
export interface InitOptions {
  /** Where from. Only the first load of a page reads it: all clients of a page share one module. */
  wasm?: WasmSource;
}

/**
 * Loads the module before it is needed; `open` does it otherwise. Importing the package runs nothing.
 * Calls share one load; after a failure the next call tries again.
 * Rejects with `WASM_LOAD`, or `CSP_BLOCKED` where the page's policy lacks `'wasm-unsafe-eval'`.
 */
export declare function init(options?: InitOptions): Promise<void>;

/** Two texts that were `base` as one: what either side wrote, without what either side removed, and no character cut in two. Where both wrote at one
 * place both texts stay. The module has to be loaded: by `init`, or by `open`. */
export declare function mergeTexts(base: string, local: string, remote: string): string;

// ------------------------------------------------------------------ values and operations

/**
 * A JSON value. What is stored is what `JSON.stringify` makes of a value: members that are `undefined` are left out, a date
 * becomes its text, `NaN` becomes `null`, −0 becomes 0. Numbers are doubles, here and in values that are read: an integer
 * beyond 2^53 that another program wrote is kept exactly by everything that does not change it, and is rounded when it is read.
 */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };

/** A place in a document: an RFC 6901 pointer such as `/author/name`; the empty one is the whole document. */
export type Pointer = string;

import type { ClientEvents } from './events.js';
import type { LiveQuery } from './live.js';
import type { Conflict, ConflictStrategy } from './merging.js';
import type { Source, SubscribeOptions, Unsubscribe } from './source.js';
export type * from './events.js';
export type * from './live.js';
export type * from './merging.js';
export type * from './source.js';

/** The length of a text in UTF-16 units, and its hash as sixteen hexadecimal digits. */
export interface TextMark { readonly length: number; readonly hash: string }

/** One change of one document, as it is queued, sent and applied. `docs/protocol.md` says what each does. */
export type Operation = {
  readonly collection: string;
  readonly key: string;
  /** The version it was made on; `null`: made where there was no document. */
  readonly base?: string | null;
} & (
  | { readonly op: 'put'; readonly value: JsonValue }
  | { readonly op: 'delete' }
  | { readonly op: 'patch'; readonly set: Readonly<Record<Pointer, JsonValue>>; readonly remove: readonly Pointer[]; readonly object?: readonly Pointer[] }
  | { readonly op: 'increment'; readonly path: Pointer; readonly by: number }
  | { readonly op: 'append'; readonly path: Pointer; readonly items: readonly JsonValue[] | string }
  | { readonly op: 'splice'; readonly path: Pointer; readonly at: number; readonly remove: number; readonly insert: string; readonly on?: TextMark }
);

/** What goes over the wire: one mutation, or several of one key taken together. Its id never changes, nor do its operations. */
export interface Entry {
  readonly id: string;
  readonly operations: readonly Operation[];
  /** How far its client had read the server's log when it fixed the entry: what it proves is in `docs/protocol.md`. */
  readonly seen: { readonly generation: string; readonly seq: number };
}

/** What to change in a document, as in RFC 7396: members given are set, objects are gone into, `null` removes a member, lists are
 * replaced whole. To store a `null`, use a draft function. */
export type MergePatch<T> = T extends readonly unknown[] ? T : T extends object ? { readonly [K in keyof T]?: MergePatch<T[K]> | null } : T;

// ------------------------------------------------------------------ transports: who answers

/** What became of one entry. An entry without an outcome is sent again, byte for byte, under the same id. */
export type Outcome =
  | { id: string; outcome: 'ok'; version?: string; value?: JsonValue }
  /** `collection` and `key` name the document that has moved; needed where the entry is a group. */
  | { id: string; outcome: 'conflict'; collection?: string; key?: string; version?: string; value: JsonValue | null }
  | { id: string; outcome: 'rejected'; code: string; message: string; fields?: Record<string, string> }
  | { id: string; outcome: 'retry'; afterMs?: number }
  | { id: string; outcome: 'tooLarge' }
  | { id: string; outcome: 'expired' };

/** What became of a whole request. */
export type WholeOutcome = { outcome: 'auth' } | { outcome: 'fenced' } | { outcome: 'retry'; afterMs?: number };

/** A token, or `null` where the user has to sign in. `expiresAt` is milliseconds since 1970 by this device's clock. */
export type Token = string | null | { token: string; expiresAt?: number };

/**
 * Gives a token when one is needed: before anything is sent, when the one it gave expires, and when the server refuses it (a 401,
 * or the outcome `auth`). One question at a time a client; meanwhile writes queue. One that gives `null`, throws, or has not
 * answered after 30 s (`signal` aborts then) leaves the client in phase `needs-auth`: it asks again after 60 s, or when the app
 * calls `pull()`, for example after a sign-in. So it does where the server refuses the next token, too.
 */
export type AuthProvider = (context: { reason: 'initial' | 'expired' | 'unauthorized'; signal: AbortSignal }) => Token | PromiseLike<Token>;

/** What an app's own function is told about the call. */
export interface CallContext {
  /** The token that the `auth` option gave; `null` where there is none. Never stored. */
  readonly auth: string | null;
  /** Aborts when the call has taken too long, or the client is closed. What the function does afterwards is ignored. */
  readonly signal: AbortSignal;
  /** How many times these entries were sent before. */
  readonly attempt: number;
  /** The hash of the user's scope. */
  readonly scope: string;
  /** The same for the same entries, for a header of that name. */
  readonly idempotencyKey: string;
  /** The session epoch. */
  readonly epoch: string;
}

/** What a pull is told besides. */
export interface PullContext extends CallContext {
  /** Which feed; `main` unless the app has several. */
  readonly feed: string;
  /** At most this many changes. */
  readonly limit: number;
}

/** A document as it is since a position of the server's log: with exactly one of `value`, `deleted` and `gone`. */
export interface Change {
  collection: string;
  key: string;
  /** Opaque; compared for equality only. */
  version: string;
  value?: JsonValue;
  deleted?: true;
  /** It left the feed, or may no longer be read; nothing is known about whether it exists. */
  gone?: true;
  /** The entry that made it so, where known. */
  entryId?: string;
}

/** What a pull answers. */
export interface PullAnswer {
  changes: readonly Change[];
  /** Where the next pull goes on; opaque. */
  cursor: string;
  /** Whether there is more at once. */
  more: boolean;
  /** The cursor that was asked for is of no use: this page starts from the beginning. */
  reset?: boolean;
}

/** A server that speaks Syncline's own protocol, `docs/protocol.md`. */
export interface UrlTransport {
  /** Where its endpoints are, such as `/sync/`; relative to the page, without a query. */
  url: string | URL;
  /** Headers for every request, a token for example. A function is asked anew each time; what it gives is never stored. */
  headers?: HeadersInit | (() => HeadersInit | PromiseLike<HeadersInit>);
  /** Used in place of the browser's `fetch`. */
  fetch?: typeof fetch;
}

/** The app's own functions, around whatever backend it has. One that throws leaves its entries unknown: they are sent again. */
export interface FunctionTransport {
  /** Sends entries, and says what became of each of them or of all. */
  push(entries: readonly Entry[], context: CallContext): PromiseLike<readonly Outcome[] | WholeOutcome>;
  /** Asks for changes since a cursor; `null` from the beginning. */
  pull(cursor: string | null, context: PullContext): PromiseLike<PullAnswer>;
  /** Resolves where the backend can be reached. Left out, a pull of one change does it. */
  ping?(context: CallContext): PromiseLike<void>;
  /**
   * What it does about writes whose answer got lost, which are sent again. A: it stores the entry's id with the effect and carries
   * each out once. B: it carries out a write only on the version it was made on (an ETag, a version column) and else answers
   * `conflict`; that may then be the write's own doing, which is looked at. C, the default: neither; what is sent again may undo
   * what somebody else wrote in between. At B and C what cannot be known ends as `unknown`.
   */
  level?: 'A' | 'B' | 'C';
  /** Operations that it takes, with `put` among them; all others are said in the largest of these. Default `put` and `delete`. At
   * levels B and C, `increment`, `append` and `splice` are said as values whatever it takes. */
  accepts?: readonly Operation['op'][];
  /** Whether an entry on several documents is applied whole or not at all. Default `false`: a group throws `VALIDATION`. */
  groups?: boolean;
}

/** Who answers. */
export type Transport = UrlTransport | FunctionTransport;

// ------------------------------------------------------------------ opening

/** When the server is asked for changes. */
export interface PollOptions {
  /** Time between pulls while the app is in use. Default 5,000. */
  baseMs?: number;
  /** Time between pulls while it is not. Default 60,000. */
  maxMs?: number;
}

/** How writes are gathered into requests. */
export interface BatchOptions {
  /** How long writes are gathered; a full batch goes at once. Default 100. */
  windowMs?: number;
  /** Most entries in a request. */
  itemsMax?: number;
  /** Most bytes in a request, unless one entry alone is larger. Default 262,144. */
  bytesMax?: number;
}

/** Where and how well writes are kept. */
export interface StorageOptions {
  /** `strict` (the default): `durable` outlasts a loss of power. `relaxed`: it outlasts a crash of the browser, and is faster. */
  durability?: 'relaxed' | 'strict';
  /** Whether unsent writes are kept a second time, in the origin's private files (default `true`): a killed browser can lose all of IndexedDB. `await`: `durable` waits for that, too. */
  mirror?: boolean | 'await';
  /** Bytes of documents in memory. With more, those go that nobody watches or writes, the longest unused first, and are read again when
   * they are asked for. Where there is no store, a write is `QUEUE_FULL` then. Default 32 MiB. */
  memoryBytesMax?: number;
}

/** How the writes of a collection are treated. `T` is its documents' type. */
export interface Collection<T extends object> {
  /** `false`: each write is sent by itself, and can be refused by itself. Otherwise writes of one document go as one where that does the same. */
  coalesce?: boolean;
  /** How its documents are merged where somebody else has changed them, too. Without it what is meant is done again to what is there: a `put` replaces
   * all of it, an `update` the fields that it names. */
  conflict?: ConflictStrategy<T>;
  /** The version of its documents' shape, 0 unless it says otherwise; it only grows. A version of the app that finds what a later one has
   * stored ends with `VERSION_TOO_NEW`, and changes nothing. */
  version?: number;
  /**
   * Makes of a document that an earlier version stored one of this version. It says the same whenever it is given the same, and calls no
   * client. Writes that wait are made anew from what it makes of the document before and behind them; those on their way go as they are.
   * `undefined`, or a throw: the document comes from the server again, and a write goes to the inbox with `VALIDATION`.
   */
  migrate?(value: JsonValue, from: number): T | undefined;
}

/** What to open. `C` maps the names of collections to the types of their documents. */
export interface OpenOptions<C extends Record<keyof C, object> = Record<string, any>> {
  /** The app, or a part of it with data of its own. */
  name: string;
  /** The user. What two scopes store never meets, and it goes over the wire only as a hash. */
  scope?: string;
  /** Who answers. Left out: writes are kept and go nowhere. */
  transport?: Transport;
  /** Where tokens come from. A transport with a `url` sends them as `Authorization: Bearer`. They are in memory only. */
  auth?: AuthProvider;
  collections?: { [K in keyof C]?: Collection<C[K]> };
  /** What is pulled, 1 to 64 names, each with a cursor of its own. Default `['main']`: everything that the user may see. The reference server also
   * has `collection:NAME`; a server of your own, or a transport's `pull`, gives the names their meaning. Writes need no feed. */
  feeds?: readonly string[];
  storage?: StorageOptions;
  poll?: PollOptions;
  batch?: BatchOptions;
  /** Asks the user to stay when the page is left with writes that a reload would lose: not stored yet, or kept in memory only. `false` otherwise. */
  guardUnload?: boolean;
  /** As in `init`. */
  wasm?: WasmSource;
  /** Gives the opening up: `ABORTED`. Without effect once the client is open. */
  signal?: AbortSignal;
}

/**
 * Opens a client: loads the module, opens the store, and goes on with what an earlier run left unsent. Without IndexedDB it
 * works in memory and says so in its status, until the store can be taken up again.
 * Rejects with `VALIDATION`, `WASM_LOAD`, `CSP_BLOCKED`, `VERSION_TOO_NEW`, `STORAGE_UNAVAILABLE`, `ABORTED`.
 */
export declare function open<C extends Record<keyof C, object> = Record<string, any>>(options: OpenOptions<C>): Promise<SyncClient<C>>;

/** A store of this origin: the `name` and `scope` that `open` was given, or what `list()` says of it. */
export type StoreTarget = { name: string; scope?: string } | { name: string; scopeHash: string };

/** What is known of a store that is not open: its name, the hash of its scope (16 hexadecimal digits; the scope itself is stored nowhere),
 * and how many writes in it have not ended; `null` where it cannot be read: a later build made it, or it is broken. */
export interface StoreInfo { readonly name: string; readonly scopeHash: string; readonly pending: number | null }

/** The stores of this origin, or, of a target, that one where it exists. Nothing is sent, stored, taken over or made by it. Where the
 * module does not lie beside the package, call `init` first. Rejects with `STORAGE_UNAVAILABLE`, `WASM_LOAD`, `CSP_BLOCKED`. */
export declare function list(target?: StoreTarget): Promise<readonly StoreInfo[]>;

/**
 * Deletes a store, with all that waits in it and its inbox. Clients of it end first, in all tabs: their phase is `closed`, their calls
 * fail with `CLOSED`. Whoever opens it meanwhile waits, and begins afresh. Rejects with `VERSION_BLOCKED` where a tab has not let go of
 * it in time, since it is frozen or stuck, and with `STORAGE_UNAVAILABLE`; then it may still be there, and `destroy` may be called again.
 */
export declare function destroy(target: StoreTarget): Promise<void>;

// ------------------------------------------------------------------ writes and reads

/**
 * How well a write is stored: it outlasts a loss of power, a crash of the browser, or nothing but this page's life. What is `memory` is
 * stored after all when the store is back: `status.storage.kind` is then `indexeddb` again.
 */
export type Durability = 'strict' | 'relaxed' | 'memory';

/**
 * How a write ended.
 * - `applied`: the server has it.
 * - `merged`: somebody else changed the same thing, and the write `by` carries both on.
 * - `rejected`: the server will never have it; the document is as if it had not been made.
 * - `cancelled`: the app took it back before it was sent.
 * - `unknown`: nobody here can tell. `error.code` says why: `CLOSED` where the client was closed first (the write stays queued
 *   and goes on when the client is opened again, unless the store was destroyed), `WASM_PANIC` where the module ended before the write was stored, else what
 *   the server said.
 */
export type Settlement =
  | { readonly ending: 'applied'; readonly version?: string }
  | { readonly ending: 'merged'; readonly by: string; readonly maybeApplied?: true }
  | { readonly ending: 'cancelled' }
  | { readonly ending: 'rejected' | 'unknown'; readonly error: SyncError };

/** A write. The document has changed when the call that made it returns. */
export interface Mutation {
  /** A UUID; the server's record of the write has it too. */
  readonly id: string;
  /** Resolves when the write is stored. Rejects where it could not be; nobody has to listen for that. */
  readonly durable: Promise<Durability>;
  /** Resolves when the write has ended, which may be in a later run of the app. Never rejects. */
  readonly settled: Promise<Settlement>;
  /**
   * Takes the write back. `true`: it was not applied and will not be; one that is on its way is waited for. `false` also where a
   * conflict has merged it with what others wrote: that goes on. What comes after a write that is taken back is refused with it.
   * Where more than 512 writes of a document wait, all before the last 256 become one, and are waited for as if they were on their way.
   */
  rollback(): Promise<boolean>;
}

/** Reads and writes of one `mutate`. */
export interface Transaction {
  /** The document with what was written so far, frozen; `undefined`: there is none. It is depended on: what is pending of it has to
   * be applied before. Throws `NOT_LOADED` where it is not in memory. */
  get(collection: string, key: string): unknown;
  /** Makes or replaces a document. */
  put(collection: string, key: string, value: JsonValue): void;
  /** Changes a document by a patch, as `update` does. */
  patch(collection: string, key: string, patch: JsonValue): void;
  /** Deletes a document. */
  delete(collection: string, key: string): void;
}

/** What goes with a `mutate`. */
export interface MutateOptions {
  /** Ids of writes that must have been applied before this one is sent. Where one of them is not applied, this one ends as
   * `rejected`, unsent, and is in the inbox. */
  after?: readonly string[];
  /** `false`: each document by itself, for a backend without groups. Default `true`: all of them or none. */
  atomic?: boolean;
}

/** Many writes of one call. */
export interface Mutations {
  /** One for each document, in order. */
  readonly ids: readonly string[];
  /** Resolves when all are stored, with the weakest of their ways; rejects when one could not be. */
  readonly durable: Promise<Durability>;
  /** Resolves when all have ended, in order. Never rejects. */
  readonly settled: Promise<readonly Settlement[]>;
}

/** How far a document's writes have come. */
export interface ItemStatus {
  /**
   * - `unknown`: nothing is known of it here.
   * - `pending`: it has writes that wait. One that is changed while it syncs is pending behind that.
   * - `syncing`: a write of it is on its way.
   * - `synced`: it is as the server has it, as far as is known.
   * - `failed`: a write got no answer, or a passing no, and is tried again; or nobody knows what became of one, which is in the inbox.
   * - `conflicted`: somebody else was there first, and what was meant is sent again on what is there, or waits until somebody decides.
   * - `rejected`: a write of it was refused, and is in the inbox.
   */
  readonly state: 'unknown' | 'pending' | 'syncing' | 'synced' | 'failed' | 'conflicted' | 'rejected';
  /** When the server's truth about it last came, by an answer or a pull; `null` where that was before this run, or before anybody asked. */
  readonly lastSync: number | null;
}

/**
 * The documents of a collection. Writes throw at once, and change nothing, with `VALIDATION` (a bad name, pointer or position),
 * `INVALID_DOCUMENT` (not JSON, lone surrogates, nested deeper than 100), `TOO_LARGE`, `QUEUE_FULL`, `CLOSED`,
 * `WASM_PANIC`. Collections and keys have 1 to 1,024 bytes.
 *
 * Values that are read are frozen, and keep their identity, and that of their unchanged parts, until they change.
 */
export interface Documents<T extends object> {
  /** The document, read from the store if need be; `undefined`: there is none. The 1,000 used last stay in memory. */
  get(key: string): Promise<T | undefined>;
  /** The document if it is in memory; `undefined` otherwise, too. */
  peek(key: string): T | undefined;
  /** The document as it changes. The same key gives the same source as long as it is in use. */
  watch(key: string): Source<T | undefined>;
  /**
   * The documents that a query finds, as they change: a new list each time that one of them comes, changes or goes, once a turn. `undefined`
   * until all of the collection was read; it stays in memory as long as somebody looks, and for 10 s more.
   */
  live(query?: LiveQuery<T>): Source<readonly T[] | undefined>;
  /** The same with their keys. */
  liveEntries(query?: LiveQuery<T>): Source<readonly (readonly [key: string, document: T])[] | undefined>;
  /** Makes or replaces a document. */
  put(key: string, value: T): Mutation;
  /** Makes or replaces many: one write each, stored together. All are checked before any is made. */
  putAll(entries: Iterable<readonly [key: string, value: T]>): Mutations;
  /**
   * Changes a document: by a patch, loaded or not, or by a function that edits a draft of it. What the function changed becomes
   * set and removed members; a list that changed is replaced whole. Where there is no document, both begin with an empty object.
   * A function throws `NOT_LOADED` where the document is not in memory (`get` it first), must not be async, and what it throws
   * itself comes out unchanged.
   */
  update(key: string, change: MergePatch<T> | ((draft: T) => void)): Mutation;
  /** Deletes a document. Where there is none, that is so already and the write ends as applied. */
  delete(key: string): Mutation;
  /**
   * Adds the whole number `by` to the 64-bit integer at `path`. Adding commutes: when somebody else has changed the number
   * meanwhile, both changes count. Where the document is in memory and there is no integer, or the sum would be none, it throws
   * `VALIDATION`. A document need not be in memory; should there be no integer after all, the view stays as it is without the
   * write, which ends as `rejected`.
   */
  increment(key: string, path: Pointer, by: number): Mutation;
  /** Adds to the end of the list at `path` the elements of a list, or to the end of the text there a text. Nothing that others
   * add meanwhile is lost. Where there is nothing of the same type, it is as with `increment`. */
  append(key: string, path: Pointer, items: readonly JsonValue[] | string): Mutation;
  /**
   * Replaces `remove` units of the text at `path`, from position `at` on, by `insert`. Positions are UTF-16 units, as in
   * JavaScript strings. A range that begins or ends inside a surrogate pair, or reaches past the end, throws `VALIDATION`; a
   * document that is not in memory, `NOT_LOADED`.
   */
  splice(key: string, path: Pointer, at: number, remove: number, insert: string): Mutation;
  /** How far the document's writes have come. The statuses of the 1,000 documents that were asked for last are kept. */
  status(key: string): Source<ItemStatus>;
}

// ------------------------------------------------------------------ what is going on

/**
 * What the client is about. `opening`: reading the store, also after a panic; `waiting`: something failed and is tried again at
 * `retryAt`; `paused`: stopped by the app, or since the server acts for another user; `fenced`: the server knows a later session of this installation; `dead`: the module ended too
 * often, and only a reload of the page helps.
 */
export type Phase = 'opening' | 'idle' | 'pulling' | 'pushing' | 'offline' | 'waiting' | 'paused' | 'needs-auth' | 'fenced' | 'closed' | 'dead';

/** Where writes are kept. */
export interface StorageStatus {
  /** `memory`: a reload loses what is pending. */
  readonly kind: 'indexeddb' | 'memory';
  /** Whether unsent writes are kept a second time. `off` where that cannot be done, has failed, or was not wanted. */
  readonly mirror: 'on' | 'off';
  /** Whether the browser has promised to keep what is stored until the user clears it: `SyncClient.requestPersistence`. */
  readonly persistent: boolean;
  /** Bytes that everything of this origin takes, as the browser estimates; `null` where it does not say. */
  readonly usage: number | null;
  /** Bytes that everything of this origin may take; `null` where the browser does not say. */
  readonly quota: number | null;
}

/** What is going on. */
export interface SyncStatus {
  /** In a tab that does not drain, what the one that does is about. */
  readonly phase: Phase;
  /** Whether this tab drains the outbox: of all tabs with one store, one does, and any of them writes. */
  readonly drainer: boolean;
  /** Whether the network is believed to be there. */
  readonly online: boolean;
  /** Documents with writes that have not ended. */
  readonly pendingItems: number;
  /** Writes that have not ended. */
  readonly pendingMutations: number;
  /** Their size in bytes, with the texts that are kept for their splices. */
  readonly pendingBytes: number;
  /** Bytes of the documents in memory, without what is pending. */
  readonly memoryBytes: number;
  /** Refused and unknown writes that the app has not removed. */
  readonly inbox: number;
  /** Conflicts that wait until somebody decides. */
  readonly conflicts: number;
  /** Entries sent, each time counted. */
  readonly entriesSent: number;
  /** Entries sent again after no answer. */
  readonly entriesResent: number;
  /** Entries that the server has acknowledged. */
  readonly entriesAcknowledged: number;
  /** Places of documents, counted each time, that this client and somebody else had changed and a rule settled. */
  readonly conflictsSettled: number;
  /** Requests sent. */
  readonly requests: number;
  /** What the backend can promise: see `FunctionTransport.level`. */
  readonly level: 'A' | 'B' | 'C';
  /** When what waits is tried again; `null` where nothing waits. */
  readonly retryAt: number | null;
  /** When a push was last acknowledged. */
  readonly lastPushAt: number | null;
  /** When a pull was last applied. */
  readonly lastPullAt: number | null;
  /**
   * Why what is read may be older than what the server has: the last pull got no good answer (`NETWORK`, `TIMEOUT`, `HTTP`), an
   * answer that was none (`PROTOCOL`, `WRONG_SCOPE`) or that there was no room for (`QUEUE_FULL`), or there was no token for one
   * (`UNAUTHORIZED`), and documents are served as they were then. `null` from the next good pull on; of several feeds, from when each has had one.
   */
  readonly stale: SyncErrorCode | null;
  readonly storage: StorageStatus;
  /** What last went wrong and still stands. */
  readonly error: SyncError | null;
}

/** What can go wrong, by name. */
export type SyncErrorCode =
  | 'WASM_LOAD' | 'WASM_PANIC' | 'CSP_BLOCKED'
  | 'STORAGE_UNAVAILABLE' | 'STORAGE_LOST' | 'STORAGE_CORRUPT' | 'QUOTA_EXCEEDED'
  | 'QUEUE_FULL' | 'TOO_LARGE' | 'NOT_LOADED' | 'VERSION_BLOCKED' | 'VERSION_TOO_NEW'
  | 'NETWORK' | 'TIMEOUT' | 'HTTP' | 'PROTOCOL'
  | 'UNAUTHORIZED' | 'WRONG_SCOPE' | 'FENCED' | 'REJECTED'
  | 'VALIDATION' | 'INVALID_DOCUMENT' | 'ABORTED' | 'CLOSED';

/** Whatever goes wrong. */
export declare class SyncError extends Error {
  /** What, for programs. */
  readonly code: SyncErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** The HTTP status, where there was one. */
  readonly status?: number;
  /** What to do about it, for developers. */
  readonly hint: string;
  /** What was thrown underneath. */
  readonly cause?: unknown;
}

/** What one document of a write in the inbox was and would be. `null` where there is no document, or nobody said. */
export interface InboxDocument extends ItemName {
  /** The server's value as it was known when the write ended. */
  readonly base: JsonValue | null;
  /** The same with the write. */
  readonly local: JsonValue | null;
  /** The value that the server gave with its answer. */
  readonly server: JsonValue | null;
}

/** A write that needs somebody's attention. What is said of a document is of its first one. */
export interface InboxItem extends InboxDocument {
  /** The id of the write, or of the first of those that were sent as one. */
  readonly id: string;
  /** `blockedBy`: a write that it comes after was refused, and it was not sent. */
  readonly ending: 'rejected' | 'unknown' | 'blockedBy';
  readonly error: SyncError;
  /** The server's reasons by field. */
  readonly fields: { readonly [field: string]: JsonValue } | null;
  readonly at: number;
  /** All its documents: more than one where it is a group. */
  readonly documents: readonly InboxDocument[];
}

/** Refused and unknown writes. They stay, also over restarts, until the app removes them, and block nothing that does not depend on
 * them. Where they are 1,000, or 64 MiB, no further write is taken: `QUEUE_FULL`. */
export interface Inbox extends Source<readonly InboxItem[]> {
  /**
   * Queues the write again, as it was or with its document replaced by `edited`, under a new id, and takes it out of the inbox;
   * resolves when that is stored. Rejects, with nothing changed, as `VALIDATION` (it is not there; a group is not edited),
   * `INVALID_DOCUMENT`, `TOO_LARGE`, `QUEUE_FULL`, `CLOSED`.
   */
  retry(id: string, edited?: JsonValue): Promise<void>;
  /** Gives the write up; resolves when that is stored. */
  discard(id: string): Promise<void>;
  /** All of it, as JSON lines: what `docs/storage.md` says of an inbox record, header and body in one object. */
  export(): Promise<Blob>;
}

/** One sync: a push or a pull, however it ended. */
export interface HistoryRow {
  readonly direction: 'push' | 'pull';
  /** This installation's name at the server. */
  readonly client: string;
  /** Of the request's body for a push, of the reply's for a pull. */
  readonly bytes: number;
  /** Entries that were sent, or changes that came. */
  readonly items: number;
  /** `ok`; what the server said of the first entry that it did not apply (`conflict`, `rejected`, `retry`, `tooLarge`, `expired`); or
   * the `SyncErrorCode` of what went wrong with the request as a whole. */
  readonly outcome: string;
  /** How many places that this client and somebody else had changed were settled since the row before, by the names of the rules. */
  readonly conflicts?: { readonly [rule: string]: number };
  /** RFC 3339, UTC. */
  readonly at: string;
}

/** Measurements: the module's memory, shared by all clients of the page. */
export interface Metrics { readonly wasmMemoryBytes: number }

/** The name of a document. */
export interface ItemName { readonly collection: string; readonly key: string }

/** How a pull is asked for. */
export interface PullOptions {
  /** Only this feed; left out, all. One that the client was not opened with is `VALIDATION`. */
  feed?: string;
  /** Stops waiting: `ABORTED`. The pull itself goes on. */
  signal?: AbortSignal;
}

/** How something is waited for. */
export interface WaitOptions {
  /** Stops waiting: `ABORTED`. What is waited for goes on. */
  signal?: AbortSignal;
  /** Gives up after this long: `TIMEOUT`. `Infinity`: never. */
  timeoutMs?: number;
}

/** How a client is closed. */
export interface CloseOptions {
  /** Stops waiting: `ABORTED`. The closing itself goes on. */
  signal?: AbortSignal;
}

/** A client. `C` maps the names of collections to the types of their documents. */
export interface SyncClient<C extends Record<keyof C, object> = Record<string, any>> extends AsyncDisposable {
  /** This installation's name at the server. */
  readonly clientId: string;
  readonly status: Source<SyncStatus>;
  /** The documents with writes that have not ended, in the order in which they came to be told. */
  readonly pendingItems: Source<readonly ItemName[]>;
  /** The documents of a collection. */
  documents<K extends keyof C & string>(name: K): Documents<C[K]>;
  /**
   * Several documents in one write: all of it happens or nothing, here and at the server. What the function wrote is there when
   * it has returned; where it throws, nothing is. It must not be async. Throws as the writes of `Documents` do, and `REJECTED`
   * where what it is to come after was refused.
   */
  mutate<R>(change: (transaction: Transaction) => R, options?: MutateOptions): Mutation & { readonly result: R };
  /** Asks the server for changes now. Rejects with what went wrong; the client itself tries again. */
  pull(options?: PullOptions): Promise<void>;
  /**
   * Sends all that is pending now, without gathering and without the waits that this client drew after failures (what the server
   * asked for with Retry-After stands), and resolves when it has ended, however: a refused write counts. Rejects with what is in
   * the way: `UNAUTHORIZED`, `WRONG_SCOPE`, `FENCED`, `STORAGE_UNAVAILABLE`, `CLOSED`, after the fifth request in a row without an
   * answer `NETWORK` or `TIMEOUT`, and `QUEUE_FULL` where 10,000 calls wait. Nothing is dropped by that. While the client is
   * stopped, it waits.
   */
  push(options?: WaitOptions): Promise<void>;
  /** Whether there are writes that have not ended. */
  hasPendingUpdates(): boolean;
  /**
   * Waits until the writes that are pending now have ended, those of earlier runs too; refused ones have, and merged ones have when
   * what carries them on has. `true` where all have; `false` where that took longer than `timeoutMs` (default 30,000), `signal`
   * aborted, or the client was closed. Never rejects.
   */
  waitForPendingUpdates(options?: WaitOptions): Promise<boolean>;
  /** Marks a document to be looked at soon, for which nobody has to wait: what is pending of it is sent within `poll.baseMs`, whatever
   * wait it had drawn (what the server asked for stands); where nothing is, the server is asked for changes soon. */
  queueForSync(item: ItemName): void;
  /** The same as `push`, for one document. Where nothing of it is pending, the same as `pull`. */
  syncImmediately(item: ItemName, options?: WaitOptions): Promise<void>;
  /** Goes on after `stop`. A client that was opened is running; calling it again does nothing. */
  start(): void;
  /** Sends and asks nothing more until `start`: what is on its way ends as ever, and writes queue. */
  stop(): void;
  /** The last 100 syncs, oldest first. The oldest one goes, but the last good push and the last good pull stay. They are stored with
   * the next write that is stored for another reason. */
  history(): Promise<readonly HistoryRow[]>;
  readonly inbox: Inbox;
  /** Conflicts that wait until somebody decides: see `ConflictResolver`. A tab that does not drain lists those that the one that does asks its function about, too. */
  readonly conflicts: Source<readonly Conflict<any>[]>;
  metrics(): Metrics;
  /** Asks the browser to keep what is stored until the user clears it, and not to evict it when room is short. True if it will. Never rejects. */
  requestPersistence(): Promise<boolean>;
  /** Hears of what the client reports. */
  on<K extends keyof ClientEvents>(type: K, listener: (detail: ClientEvents[K]) => void, options?: SubscribeOptions): Unsubscribe;
  /** Stores what is staged, stops, and completes every source. Called again, it waits for the same. */
  close(options?: CloseOptions): Promise<void>;
}
