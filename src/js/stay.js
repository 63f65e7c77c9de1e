// A client's stay in its store: it has a share of the store's lock for as long as it may use the store, and hears when it is to let go.
// Who deletes the store waits until nobody has a share, and who opens it waits until it is deleted: so neither meets half of the other.

/** The lock of a store, and the channel on which its clients hear that they are to let go. */
export const placeOf = (database) => `open/${database}`;

/** What is said there. */
export const LET_GO = 'let go';

export class Stay {
  #place;
  #told;
  #over = new AbortController();
  #visit;
  #channel;
  /** Resolves when the store may be opened. */
  entered;

  /** `told()` hears that the store is to be deleted. */
  constructor(database, told) {
    this.#place = placeOf(database);
    this.#told = told;
    const { signal } = this.#over;
    // A page that keeps a lock could not be gone back to.
    globalThis.addEventListener?.('pagehide', () => this.#pause(), { signal });
    globalThis.addEventListener?.('pageshow', ({ persisted }) => persisted && this.#enter(), { signal });
    this.entered = this.#enter();
  }

  leave() {
    this.#over.abort();
    this.#pause();
  }

  #pause() {
    this.#visit.abort();
    this.#channel?.close();
  }

  #enter() {
    this.#visit = new AbortController();
    const { signal } = this.#visit;
    if (globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(this.#place);
      this.#channel.onmessage = ({ data }) => data === LET_GO && this.#told();
      // Node would wait for it.
      this.#channel.unref?.();
    }
    return new Promise((resolve) => {
      const hold = () => {
        resolve();
        return new Promise((release) => (signal.aborted ? release() : signal.addEventListener('abort', release)));
      };
      // A page that may not use locks does as if there were none.
      if (globalThis.navigator?.locks) navigator.locks.request(this.#place, { mode: 'shared', signal }, hold).catch(resolve);
      else resolve();
    });
  }
}
