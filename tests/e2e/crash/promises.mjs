// What the pages were told, as far as it was heard here before they were killed: nothing else counts as promised.

const STORED = ['strict', 'relaxed'];
/** Why a write may be refused at once: its document is not there (yet, or after a reset). */
const REFUSALS = ['VALIDATION', 'NOT_LOADED'];
/** Troubles that a bad network makes, and a machine that is too slow to open a store in time: what is written then is not promised. */
const PASSING = ['NETWORK', 'TIMEOUT', 'HTTP', 'PROTOCOL', 'STORAGE_UNAVAILABLE'];

export class Promises {
  #writes = new Map();
  /** Resets so far: when each was found, and what was durable and not known to be settled then. */
  #resets = [];
  /** Words that the pages had for something wrong. */
  strange = [];
  /** Writes of which the page was told that they are in memory only. */
  inMemory = 0;

  /** Whether this life of the browser began without what had been pulled. */
  #isBare = false;

  /** These writes are about to be made. */
  issue(list, round) {
    for (const write of list) this.#writes.set(write.mark, { ...write, round, isBare: this.#isBare });
  }

  /** The browser was started again, and the store is there. What a life that began bare has not pulled is not in it either. */
  restarted() {
    const last = Math.max(0, ...this.all.map(({ round }) => round));
    this.#isBare &&= !this.all.some(({ round, ending }) => round === last && ending === 'applied');
  }

  /** Something was said of a write. */
  hear({ mark, durable, failed, thrown, ending, code, tookMs, mirror }) {
    const write = this.#writes.get(mark);
    if (durable !== undefined) {
      this.inMemory += Number(!STORED.includes(durable));
      Object.assign(write, { durable: STORED.includes(durable), durableAt: Date.now(), tookMs, mirror });
    } else if (ending !== undefined) {
      Object.assign(write, { ending, code });
    } else if (thrown !== undefined) {
      write.thrown = thrown;
      if (!REFUSALS.includes(thrown)) this.strange.push(`${mark}, a ${write.kind}, was not taken: ${thrown}`);
    } else {
      write.failed = failed;
    }
  }

  /** The store was reset: what had been promised, and was not settled, may be gone. `at` is when the browser was killed. */
  reset(at) {
    this.#isBare = true;
    const risked = this.all.filter(({ durable, ending }) => durable && ending === undefined);
    this.#resets.push({ at, marks: new Set(risked.map(({ mark }) => mark)) });
    return risked;
  }

  /** What clients report that belongs to no call. That the network fails is what happens here. */
  trouble(code, message) {
    if (!PASSING.includes(code)) this.strange.push(`${code}: ${message}`);
  }

  /** Writes of which nothing was heard: they may be stored, or not. */
  unheard() {
    return this.all.filter(({ durable, thrown, failed, ending }) => durable === undefined && thrown === undefined && failed === undefined && ending === undefined);
  }

  get all() {
    return [...this.#writes.values()];
  }

  /** Writes that were durable and have not come to the server. */
  outstanding(kept) {
    return this.all.filter((write) => write.durable && write.ending === undefined && write.kind !== 'increment' && !kept.has(write));
  }

  /** Compares what was promised with what the server has. */
  judge(kept) {
    const figures = { issued: 0, durable: 0, settled: 0, appliedOnce: 0, refused: 0, doubled: [], lost: [], lostWithReset: [], unheard: 0, endedOtherwise: [] };
    for (const write of this.all) {
      figures.issued += 1;
      if (write.thrown !== undefined) figures.refused += 1;
      if (write.durable) figures.durable += 1;
      if (write.ending !== undefined) figures.settled += 1;
      if (![undefined, 'applied', ...(write.isBare ? ['merged'] : [])].includes(write.ending)) figures.endedOtherwise.push(write);
      if (write.kind === 'increment') continue;
      const times = kept.times(write);
      if (times > 1) figures.doubled.push(write);
      else if (times === 1 && write.durable) figures.appliedOnce += 1;
      else if (times === 1) figures.unheard += 1;
      else if (write.durable) this.#lose(write, figures);
    }
    this.#judgeCounts(kept, figures);
    return figures;
  }

  #lose(write, figures) {
    const reset = this.#resets.some(({ marks }) => marks.has(write.mark));
    (reset ? figures.lostWithReset : figures.lost).push(write);
  }

  /** Of a count it can be seen only how many of all that go into it have arrived. */
  #judgeCounts(kept, figures) {
    for (const [key, writes] of grouped(this.all.filter(({ kind }) => kind === 'increment'), ({ key }) => key)) {
      const count = kept.count(key);
      const promised = writes.filter(({ durable }) => durable);
      const possible = writes.filter(({ thrown }) => thrown === undefined).length;
      const risked = promised.filter(({ mark }) => this.#resets.some(({ marks }) => marks.has(mark)));
      const missing = Math.max(0, promised.length - count);
      figures.appliedOnce += promised.length - missing;
      const [withReset, without] = [Math.min(missing, risked.length), Math.max(0, missing - risked.length)];
      figures.lostWithReset.push(...risked.slice(0, withReset));
      for (let at = 0; at < without; at += 1) figures.lost.push({ mark: `one of the counts of ${key}`, kind: 'increment' });
      for (let at = possible; at < count; at += 1) figures.doubled.push({ mark: `one of the counts of ${key}`, kind: 'increment' });
    }
  }
}

function grouped(list, keyOf) {
  const groups = new Map();
  for (const one of list) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}
