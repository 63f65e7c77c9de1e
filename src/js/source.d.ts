// Values that change.

import type { Operation } from './index.js';

/** Ends a subscription. Calling it again does nothing. */
export interface Unsubscribe extends Disposable {
  (): void;
  /** Whether the subscription has ended. */
  readonly closed: boolean;
}

/** How a subscription is made. */
export interface SubscribeOptions {
  /** Ends the subscription when it aborts. */
  signal?: AbortSignal;
}

/** Who hears of a source. An observer that throws harms nobody else: the error goes to the page's `error` event. */
export interface Observer<T> {
  /** The value is this. `change` holds the operations that led here, where it came about by operations; a page that shows a
   * growing text can append what they say and never read the value. */
  next?(value: T, change?: readonly Operation[]): void;
  /** For observers of other libraries. A source of Syncline has no errors: they are in the status. */
  error?(error: unknown): void;
  /** The client was closed; nothing follows. */
  complete?(): void;
}

/**
 * A value that changes. `for await`, RxJS `from()`, Svelte stores, Solid's `from` and React's `useSyncExternalStore` take it
 * as it is; its methods need no `this`.
 *
 * A subscriber hears the value at once, unless it is not known yet (a document that is still being loaded), and each change
 * in the same tick as the write that made it. A `for await` loop that is slower than the changes gets the latest value.
 */
export interface Source<T> extends AsyncIterable<T> {
  /** The value: the same reference until it changes, frozen. `undefined` while it is not known. */
  readonly current: T;
  /** `current`, as React wants it. */
  getSnapshot(): T;
  /** Hears of the value. A function is an observer's `next`. */
  subscribe(observer: Observer<T> | ((value: T, change?: readonly Operation[]) => void), options?: SubscribeOptions): Unsubscribe;
}
