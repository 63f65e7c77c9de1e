// Values that change, in the shape that every framework takes.

import { check, report } from './errors.js';

/**
 * Who listens to one value. `latest()` gives what is known of it, `{ order, read() }`, or `undefined` where nothing is known
 * yet; `watched(yes)` is called when the first subscriber has come and when the last one has gone.
 */
export class Audience {
  #latest;
  #watched;
  #seats = new Set();
  #completed = false;

  constructor(latest, watched = () => {}) {
    this.#latest = latest;
    this.#watched = watched;
  }

  current() {
    return this.#latest()?.read();
  }

  subscribe(observer, { signal } = {}) {
    const hears = typeof observer === 'function' ? { next: observer } : observer;
    check(typeof hears === 'object' && hears !== null, 'subscribe takes a function or an observer');
    const leave = () => {
      if (!this.#seats.delete(seat)) return false;
      signal?.removeEventListener('abort', leave);
      if (this.#seats.size === 0) this.#watched(false);
      return true;
    };
    const seat = { hears, heard: -1, leave };
    const stop = () => void leave();
    Object.defineProperty(stop, 'closed', { get: () => !this.#seats.has(seat) });
    if (Symbol.dispose) stop[Symbol.dispose] = stop;
    if (signal?.aborted) return stop;
    signal?.addEventListener('abort', leave);
    this.#seats.add(seat);
    if (this.#seats.size === 1) this.#watched(true);
    this.#tell(seat, this.#latest());
    if (this.#completed) finish(seat);
    return stop;
  }

  /** Tells all who have not heard of this or of a later one. */
  emit(revision, change) {
    for (const seat of [...this.#seats]) this.#tell(seat, revision, change);
  }

  /** Nothing follows. */
  complete() {
    this.#completed = true;
    [...this.#seats].forEach(finish);
  }

  // Who subscribed while a turn was being told knows its end already: nobody hears twice, or of what came before.
  #tell(seat, revision, change) {
    if (revision === undefined || seat.heard >= revision.order || !this.#seats.has(seat)) return;
    seat.heard = revision.order;
    guard(() => seat.hears.next?.(revision.read(), change));
  }
}

function finish(seat) {
  if (seat.leave()) guard(() => seat.hears.complete?.());
}

/** What the app gets: `find` gives the audience that the value has at this moment. No method needs `this`. */
export function sourceOf(find) {
  const current = () => find().current();
  const subscribe = (observer, options) => find().subscribe(observer, options);
  const source = {
    get current() {
      return current();
    },
    getSnapshot: current,
    subscribe,
    [Symbol.asyncIterator]: () => iterate(subscribe),
    // RxJS looks for this name where the symbol does not exist.
    '@@observable': () => source,
  };
  if (Symbol.observable) source[Symbol.observable] = () => source;
  return source;
}

/** A loop over a source; one that is slower than the changes gets the latest value. */
function iterate(subscribe) {
  const waiting = [];
  let kept = null;
  let done = false;
  const end = () => {
    done = true;
    for (const resolve of waiting.splice(0)) resolve({ value: undefined, done });
  };
  const stop = subscribe({
    next(value) {
      if (waiting.length > 0) waiting.shift()({ value, done: false });
      else kept = { value, done: false };
    },
    complete: end,
  });
  return {
    async next() {
      const result = kept ?? (done ? { value: undefined, done } : null);
      kept = null;
      return result ?? new Promise((resolve) => waiting.push(resolve));
    },
    async return(value) {
      kept = null;
      stop();
      end();
      return { value, done };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** An observer that throws harms nobody else. */
function guard(call) {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
