// Types a recording into a document: one `splice` for each patch, by the clock, waiting for nothing.

import { open } from '/pkg/index.js';

const COLLECTION = 'texts';
const KEY = 'recording';
const PATH = '/text';
/** How often the typist looks at the clock. */
const TICK_MS = 8;
/** What a page wrote down at the moment when it reloaded itself. */
const LEFT = 'left';

class Typist {
  #client;
  #documents;
  #recording;
  #goal;
  #failures = [];
  #endings = {};
  /** How many patches are typed, known to be stored, and known to be applied by the server. */
  #typed = 0;
  #durable = 0;
  #acknowledged = 0;

  /** Opens the client; `{ text, left }` is the document's text as it was kept, and what the page wrote down before. */
  async opened({ windowMs }) {
    this.#client = await open({ name: 'replay', scope: 'typist', transport: { url: '/sync/' }, batch: { windowMs } });
    this.#documents = this.#client.documents(COLLECTION);
    const left = JSON.parse(sessionStorage.getItem(LEFT));
    sessionStorage.removeItem(LEFT);
    const kept = await this.#documents.get(KEY);
    return { text: kept?.text ?? null, left };
  }

  /** Takes the recording, of which `from` patches are typed already. */
  begin({ start, splices, from, perSecond }) {
    this.#recording = { start, splices, perSecond };
    this.#typed = this.#durable = from;
  }

  /**
   * Types until so many patches are typed. `thenReload`: reloads the page in the turn that types the last of them, so that
   * nothing has had time to store it.
   */
  type({ to, thenReload = false }) {
    this.#goal = { to, thenReload, from: this.#typed, began: performance.now() };
    this.#tick();
  }

  /** What can be known of the typing at this moment. */
  state() {
    const { pendingMutations, entriesSent, entriesResent, entriesAcknowledged, requests, storage } = this.#client.status.current;
    return {
      typed: this.#typed,
      isTyping: this.#typed < this.#goal.to,
      durable: this.#durable,
      acknowledged: this.#acknowledged,
      failures: this.#failures,
      endings: this.#endings,
      status: { pendingMutations, entriesSent, entriesResent, entriesAcknowledged, requests, storage: storage.kind },
    };
  }

  /** The document's text as the page has it. */
  text() {
    return this.#documents.peek(KEY)?.text ?? null;
  }

  close() {
    return this.#client.close();
  }

  #tick() {
    const { start, splices, perSecond } = this.#recording;
    const { to, thenReload, from, began } = this.#goal;
    const due = Math.min(to, from + Math.ceil(((performance.now() - began) / 1000) * perSecond));
    try {
      if (this.#typed === 0 && this.text() === null) this.#follow(this.#documents.put(KEY, { text: start }), 0);
      while (this.#typed < due) {
        const write = this.#documents.splice(KEY, PATH, ...splices[this.#typed]);
        this.#typed += 1;
        this.#follow(write, this.#typed);
      }
    } catch (error) {
      this.#failures.push(`patch ${this.#typed + 1} was refused: ${error.code} ${error.message}`);
      return;
    }
    if (this.#typed < to) {
      setTimeout(() => this.#tick(), TICK_MS);
    } else if (thenReload) {
      sessionStorage.setItem(LEFT, JSON.stringify(this.state()));
      location.reload();
    }
  }

  #follow(write, typed) {
    write.durable.then(
      () => (this.#durable = Math.max(this.#durable, typed)),
      (error) => this.#failures.push(`patch ${typed} was not stored: ${error.code} ${error.message}`),
    );
    write.settled.then(({ ending, error }) => {
      this.#endings[ending] = (this.#endings[ending] ?? 0) + 1;
      if (ending === 'applied') this.#acknowledged = Math.max(this.#acknowledged, typed);
      else this.#failures.push(`patch ${typed} ended ${ending}${error ? `: ${error.code} ${error.message}` : ''}`);
    });
  }
}

window.typist = new Typist();
