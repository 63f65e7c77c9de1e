// What the browser says about the storage of this origin: how much there is, how much is used, and whether it may clear it.

/** While the client stores, the browser is asked this often at the most. */
const PAUSE_MS = 30_000;

export class Room {
  known = { persistent: false, usage: null, quota: null };
  #changed;
  #asked = -Infinity;

  /** `changed()` is called when something else is known than before. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Something was stored. */
  used() {
    if (performance.now() - this.#asked > PAUSE_MS) this.ask();
  }

  /** Asks the browser. Where it does not say, nothing is known. */
  async ask() {
    this.#asked = performance.now();
    const storage = globalThis.navigator?.storage;
    const [persistent, { usage = null, quota = null }] = await Promise.all([
      said(() => storage?.persisted(), false),
      said(() => storage?.estimate(), {}),
    ]);
    const known = { persistent, usage, quota };
    if (Object.keys(known).every((name) => known[name] === this.known[name])) return;
    this.known = known;
    this.#changed();
  }

  /** Asks the browser to keep what is stored; true if it will. */
  async persist() {
    const granted = await said(() => globalThis.navigator?.storage?.persist(), false);
    await this.ask();
    return granted;
  }
}

/** What the browser says, or `otherwise` where it cannot or will not. */
async function said(ask, otherwise) {
  try {
    return (await ask()) ?? otherwise;
  } catch {
    return otherwise;
  }
}
