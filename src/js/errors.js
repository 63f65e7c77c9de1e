// What goes wrong, by name: the same codes as in Rust, each with a hint for developers.

/** Each code: whether the same call may succeed later, and what to do about it. */
const CODES = {
  WASM_LOAD: [true, 'Serve syncline_bg.wasm beside the package, or pass its address as `wasm`.'],
  CSP_BLOCKED: [false, "Add 'wasm-unsafe-eval' to script-src of the Content-Security-Policy."],
  WASM_PANIC: [true, 'Please report it. What was durable is kept; phase `dead` needs a reload.'],
  STORAGE_UNAVAILABLE: [true, 'No IndexedDB here: a reload loses what is pending.'],
  STORAGE_LOST: [false, 'The browser lost the store; documents come again from the server.'],
  STORAGE_CORRUPT: [false, 'What cannot be read was set aside; the rest goes on.'],
  QUOTA_EXCEEDED: [true, 'Free space, or store less.'],
  QUEUE_FULL: [true, 'Wait until writes are sent, or handle the inbox.'],
  TOO_LARGE: [false, 'Split the document or the write.'],
  NOT_LOADED: [true, 'Await `get(key)` first.'],
  VERSION_BLOCKED: [true, 'Close other tabs of the app, or try again.'],
  VERSION_TOO_NEW: [false, 'A later version of the app stored this: load it.'],
  NETWORK: [true, 'No network, a wrong address, or another origin (CORS).'],
  TIMEOUT: [true, 'The server or the network is too slow.'],
  HTTP: [false, 'See `status`; is `transport.url` the right address?'],
  PROTOCOL: [true, 'Not what docs/protocol.md says: perhaps the answer of a proxy or sign-in page.'],
  UNAUTHORIZED: [true, 'Sign in again: `auth` or `headers` must give a good token.'],
  WRONG_SCOPE: [false, 'The server acts for another user than `scope`.'],
  FENCED: [false, 'The server knows a later session of this installation: a copied or restored profile.'],
  REJECTED: [false, 'The server refused it; its message says why.'],
  VALIDATION: [false, 'See the message.'],
  INVALID_DOCUMENT: [false, 'JSON without lone surrogates, at most 100 deep.'],
  ABORTED: [false, 'Its signal gave it up, or what it was about has changed.'],
  CLOSED: [false, 'Open another client.'],
};

/** Whatever goes wrong. */
export class SyncError extends Error {
  constructor(code, message, { cause, status, retryable = CODES[code]?.[0] ?? false } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
    if (status !== undefined) this.status = status;
  }

  get name() {
    return 'SyncError';
  }

  get hint() {
    return CODES[this.code]?.[1] ?? '';
  }
}

/** The error that a fault of the module stands for: `{ code, message, status?, retryable? }`. */
export function fromFault(fault) {
  return new SyncError(fault.code, fault.message, fault);
}

/** What the module throws on purpose is such an object; whatever else comes out of it means that it has ended. */
export function isFault(thrown) {
  return typeof thrown?.code === 'string' && !(thrown instanceof Error);
}

/** Throws `VALIDATION` unless `fits`. */
export function check(fits, message) {
  if (!fits) throw new SyncError('VALIDATION', message);
}

/** Tells of an error that no caller waits for, as the browser tells of one in an event handler. */
export function report(error) {
  if (typeof reportError === 'function') reportError(error);
  else console.error(error);
}
