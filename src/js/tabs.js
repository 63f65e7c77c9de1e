// The tabs of one store: the lock that says which of them drains the outbox, and the channel on which they talk. What is said there
// the module says and understands.

/** Tabs whose modules talk in another way do not hear each other. */
const PROTOCOL = 1;

export class Tabs {
  #name;
  #life;
  #tell;
  #channel;
  /**
   * Ends when the page is left or frozen. One that keeps a lock could not be gone back to; and a frozen one does nothing for the others,
   * but its channel goes on: it would answer that it is there.
   */
  #visit = new AbortController();
  /** Whether a request for the lock waits its turn. */
  #waits = false;

  /** `tell(what, text)` hears of the lock (`lock`: `gained` or `lost`) and of messages (`heard`), until `life` aborts. */
  constructor(name, scope, life, tell) {
    this.#name = `syncline/${PROTOCOL}/${JSON.stringify([name, scope])}`;
    this.#life = life;
    this.#tell = (...said) => life.aborted || tell(...said);
    life.addEventListener('abort', () => this.#leave());
    const { document } = globalThis;
    globalThis.addEventListener?.('pagehide', () => this.#leave(), { signal: life });
    document?.addEventListener('freeze', () => this.#leave(), { signal: life });
    document?.addEventListener('resume', () => this.#return(), { signal: life });
    globalThis.addEventListener?.('pageshow', ({ persisted }) => persisted && this.#return(), { signal: life });
  }

  /** Whether there are locks; where there are none, each tab that opens takes the store over. */
  static get haveLocks() {
    return globalThis.navigator?.locks !== undefined;
  }

  /** Listens, and waits for the lock. */
  enter() {
    this.#visit = new AbortController();
    this.#waits = false;
    if (globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }) => this.#tell('heard', data);
      // Node would wait for it.
      this.#channel.unref?.();
    }
    if (Tabs.haveLocks) this.#request(false);
  }

  /** Takes the lock from whoever has it. */
  steal() {
    if (Tabs.haveLocks) this.#request(true);
    else this.#tell('lock', 'gained');
  }

  post(text) {
    if (!this.#visit.signal.aborted) this.#channel?.postMessage(text);
  }

  #leave() {
    this.#visit.abort();
    this.#channel?.close();
  }

  #return() {
    // A page that is gone back to may be told twice.
    if (!this.#visit.signal.aborted) return;
    if (Tabs.haveLocks) this.#tell('lock', 'lost');
    this.enter();
  }

  async #request(steal) {
    if (!steal && this.#waits) return;
    this.#waits ||= !steal;
    const { signal } = this.#visit;
    try {
      await navigator.locks.request(this.#name, steal ? { steal } : { signal }, () => {
        if (!steal) this.#waits = false;
        if (signal.aborted) return;
        this.#tell('lock', 'gained');
        return new Promise((release) => signal.addEventListener('abort', release));
      });
    } catch (error) {
      if (!steal) this.#waits = false;
      if (signal.aborted) return;
      // It was stolen; or the page may not use locks, and does as if there were none.
      if (error?.name === 'AbortError') {
        this.#tell('lock', 'lost');
        this.#request(false);
      } else this.#tell('lock', 'gained');
    }
  }
}
