// What is kept outside of the store: this tab's mirror of unsent writes, in the origin's private file system, and a note that the
// store exists. What goes there and what it means is the module's business.

/** A worker that has not closed its files by then does nothing any more. */
const CLOSING_MS = 1_000;

/** What is looked for before a client opens has so long. */
const PATIENCE_MS = 3_000;

export class Mirror {
  #wanted;
  #tell;
  #worker = null;
  #closed;
  /** Resolves when this tab writes no file any more. */
  gone;
  /** The names of this tab's files begin with it; nothing before there are any. */
  #own = '';

  /** Whether the page was left, and may be gone back to: one with a worker could not be. */
  #away = false;

  /** `tell(order)` hears what was written, `parted` where the file was let go, and without an order that nothing can be written; until `life` aborts. */
  constructor(wanted, life, tell) {
    this.#wanted = wanted;
    this.#tell = (order) => life.aborted || tell(order);
    this.gone = new Promise((resolve) => {
      this.#closed = resolve;
      life.addEventListener('abort', () => this.#close());
    });
    globalThis.addEventListener?.('pagehide', ({ persisted }) => persisted && this.#leave(), { signal: life });
    globalThis.addEventListener?.('pageshow', ({ persisted }) => persisted && this.#return(), { signal: life });
  }

  /** Whether this browser has what a mirror needs. */
  static get isPossible() {
    return typeof globalThis.Worker === 'function' && typeof globalThis.navigator?.storage?.getDirectory === 'function';
  }

  /** What there is: files by name, and by its id the store that is noted. */
  async list(database) {
    const noted = attempt(() => localStorage.getItem(database));
    const files = await soon(async () => {
      // Files of a time when there was a mirror would tell of that time.
      if (!this.#wanted) await remove(folders(database), { recursive: true });
      const names = [];
      for await (const name of (await folder(database)).keys()) names.push({ name });
      return names;
    });
    return noted ? [...files, { name: noted }] : files;
  }

  /** The files of these names, with their bytes; without those that cannot be read. */
  read(database, names) {
    return soon(async () => {
      const from = await folder(database);
      const read = names.map(async (name) => {
        const file = await (await from.getFileHandle(name)).getFile();
        return { name, bytes: new Uint8Array(await file.arrayBuffer()) };
      });
      return (await Promise.allSettled(read)).filter(({ value }) => value).map(({ value }) => value);
    });
  }

  /** Writes `bytes` behind what the file has; with a store's id, the file begins anew. */
  write(database, order, store, bytes) {
    if (this.#away) return;
    try {
      if (store !== undefined) this.#own ||= `${store}.${crypto.randomUUID()}`;
      this.#worker ??= this.#start();
      const name = store === undefined ? undefined : this.#own;
      this.#worker.postMessage({ order, path: folders(database), name, bytes }, [bytes.buffer]);
    } catch {
      // The module is in the middle of a turn.
      queueMicrotask(() => this.#tell());
    }
  }

  /** Gives this tab's files up. They can go when the worker has. The next ones have other names. */
  drop(database) {
    const names = [`${this.#own}.0`, `${this.#own}.1`];
    this.#worker?.terminate();
    [this.#worker, this.#own] = [null, ''];
    for (const after of [0, 100, 1_000]) setTimeout(() => this.remove(database, names), after);
  }

  /** Takes files away. Those that are open in another tab stay. */
  remove(database, names) {
    names.forEach((name) => remove([...folders(database), name]));
  }

  /** Notes that this store exists. */
  witness(database, store) {
    attempt(() => localStorage.getItem(database) === store || localStorage.setItem(database, store));
  }

  #close() {
    this.#away = true;
    this.#worker?.postMessage('close');
    const over = () => {
      this.#worker?.terminate();
      this.#closed();
    };
    if (this.#worker) setTimeout(over, CLOSING_MS).unref?.();
    else over();
  }

  #leave() {
    this.#away = true;
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** What was on its way may not be in the file: another one takes its place. */
  #return() {
    this.#away = false;
    this.#own = '';
    this.#tell('parted');
  }

  #start() {
    const worker = new Worker(new URL('./mirror.worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => (data === 'closed' ? this.#closed() : this.#tell(data.order));
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.#tell();
    };
    return worker;
  }
}

const folders = (database) => ['syncline', encodeURIComponent(database)];

async function folder(database) {
  let at = await navigator.storage.getDirectory();
  for (const step of folders(database)) at = await at.getDirectoryHandle(step);
  return at;
}

async function remove(path, options) {
  try {
    let at = await navigator.storage.getDirectory();
    for (const step of path.slice(0, -1)) at = await at.getDirectoryHandle(step);
    await at.removeEntry(path.at(-1), options);
  } catch {
    // It is not there, or somebody has it open.
  }
}

/** What comes of it; an empty list where nothing does, or not in time. */
async function soon(work) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve([]), PATIENCE_MS);
  });
  try {
    return await Promise.race([work(), late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

/** What it gives; nothing where the browser forbids it. */
function attempt(work) {
  try {
    return work();
  } catch {
    return null;
  }
}
