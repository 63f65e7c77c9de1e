// Writes from the call to their ending: notices become promises.

import { SyncError } from './errors.js';

const WEAKER = ['memory', 'relaxed', 'strict'];

/** The writes of one call. */
class Batch {
  #undurable;
  #unsettled;
  #durability = 'strict';
  #settlements;
  #promises = {};

  constructor(count) {
    this.#undurable = this.#unsettled = count;
    this.#settlements = new Array(count);
    this.durable = new Promise((stored, failed) => Object.assign(this.#promises, { stored, failed }));
    this.settled = new Promise((ended) => Object.assign(this.#promises, { ended }));
    // Nobody has to listen: without this, a page whose write was refused would get an unhandled rejection.
    this.durable.catch(() => {});
    if (count === 0) {
      this.#promises.stored(this.#durability);
      this.#promises.ended([]);
    }
  }

  isDurable(durability) {
    if (WEAKER.indexOf(durability) < WEAKER.indexOf(this.#durability)) this.#durability = durability;
    if (--this.#undurable === 0) this.#promises.stored(this.#durability);
  }

  isNotDurable(error) {
    this.#promises.failed(error);
  }

  hasSettled(index, settlement) {
    this.#settlements[index] = Object.freeze(settlement);
    if (--this.#unsettled === 0) this.#promises.ended(Object.freeze(this.#settlements));
  }
}

/** All writes of this run that have not ended. */
export class Mutations {
  #open = new Map();
  #guard;
  #atRisk = 0;

  /** `guard(yes)` hears whether any of them would be lost with the page. */
  constructor(guard) {
    this.#guard = guard;
  }

  /** Promises for the writes with these ids. */
  follow(ids) {
    const batch = new Batch(ids.length);
    ids.forEach((id, index) => this.#open.set(id, { batch, index, durable: false, safe: false }));
    this.#risk(ids.length);
    return batch;
  }

  /** The ids of those that have not ended. */
  get awaited() {
    return [...this.#open.keys()];
  }

  durable(ids, durability) {
    for (const id of ids) {
      const write = this.#open.get(id);
      if (write === undefined || write.safe) continue;
      const isKnown = write.durable;
      write.durable = true;
      write.safe = durability !== 'memory';
      if (write.safe) this.#risk(-1);
      if (!isKnown) write.batch.isDurable(durability);
    }
  }

  /** These will not be heard of again. */
  #forget(ids, error) {
    for (const id of ids) {
      this.#open.get(id)?.batch.isNotDurable(error);
      this.settled(id, { ending: 'unknown', error });
    }
  }

  settled(id, settlement) {
    const write = this.#open.get(id);
    if (write === undefined) return;
    this.#open.delete(id);
    if (!write.safe) this.#risk(-1);
    if (!write.durable) write.batch.isNotDurable(settlement.error ?? new SyncError('ABORTED', 'it ended before it was stored'));
    write.batch.hasSettled(write.index, settlement);
  }

  /** The module has ended: what it had not stored is gone, the rest will be heard of from the next one. */
  lost(error) {
    this.#forget([...this.#open].filter(([, write]) => !write.durable).map(([id]) => id), error);
  }

  /** Nothing more will be heard. */
  end(error) {
    this.#forget([...this.#open.keys()], error);
  }

  #risk(more) {
    this.#atRisk += more;
    if (more !== 0) this.#guard?.(this.#atRisk > 0);
  }
}
