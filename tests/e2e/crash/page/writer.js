// A tab that writes what it is told to, and says of each write what becomes of it, through `report`, which outlives the page.

import { open } from '/pkg/index.js';

/** In these each write goes by itself, so that every one of them is to be found at the server. */
const SINGLY = { cards: { coalesce: false }, pairs: { coalesce: false }, briefs: { coalesce: false } };

const say = (said) => report(JSON.stringify(said));

class Writer {
  #client;

  /** Opens the client. */
  async opened({ name, scope, storage }) {
    this.#client = await open({ name, scope, storage, transport: { url: '/sync/' }, collections: SINGLY, poll: { baseMs: 2_000, maxMs: 10_000 } });
    this.#client.on('error', ({ code, message }) => say({ trouble: code, message }));
    this.#hear('storage', (detail) => say({ storage: detail }));
    this.#client.status.subscribe(({ drainer, storage }) => say({ drainer, kind: storage.kind, mirror: storage.mirror }));
  }

  /** Makes these writes, in this order. */
  async write(list) {
    for (const { mark, ...write } of list) {
      try {
        this.#follow(mark, await this.#made(write));
      } catch (error) {
        say({ mark, thrown: error.code ?? String(error) });
      }
    }
  }

  /** What can be known of the client at this moment. */
  state() {
    const { phase, drainer, pendingMutations, inbox, online } = this.#client.status.current;
    return { phase, drainer, pendingMutations, inbox, online };
  }

  /** Sends what is pending, whatever was waited for. */
  async push() {
    await this.#client.push({ timeoutMs: 20_000 }).catch(() => {});
    await this.#client.pull().catch(() => {});
  }

  /** Which documents say that they are being sent. */
  async syncing() {
    const statuses = this.#client.pendingItems.current?.map(({ collection, key }) => [`${collection}/${key}`, this.#client.documents(collection).status(key)]) ?? [];
    const ends = statuses.map(([, status]) => status.subscribe(() => {}));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const found = statuses.filter(([, status]) => status.current?.state === 'syncing').map(([name]) => name);
    ends.forEach((end) => end());
    return found;
  }

  /** Begins to follow what is pending, so that `syncing` knows. */
  follow() {
    this.#client.pendingItems.subscribe(() => {});
  }

  /** What these documents are, as this tab sees them. */
  seen(names) {
    return Promise.all(names.map(async ([collection, key]) => (await this.#client.documents(collection).get(key)) ?? null));
  }

  inbox() {
    return this.#client.inbox.current?.map(({ id, ending, error, collection, key }) => ({ id, ending, code: error.code, message: error.message, collection, key })) ?? [];
  }

  /** A client that does not know of it will never tell. */
  #hear(type, listener) {
    try {
      this.#client.on(type, listener);
    } catch (error) {
      if (error.code !== 'VALIDATION') throw error;
    }
  }

  async #made({ kind, collection, key, ...given }) {
    const documents = this.#client.documents(collection);
    switch (kind) {
      case 'put':
        return documents.put(key, given.value);
      case 'update':
        return documents.update(key, given.value);
      case 'delete':
        return documents.delete(key);
      case 'group':
        return this.#client.mutate((transaction) => given.keys.forEach((one) => transaction.put(collection, one, given.value)));
      case 'append':
        return documents.append(key, '/marks', [given.item]);
      case 'increment':
        return documents.increment(key, '/count', 1);
      default:
        return this.#spliced(documents, key, given);
    }
  }

  /** At the end of a text that others write, too; or in the place of one of its dots. */
  async #spliced(documents, key, { token, roll }) {
    await documents.get(key);
    const text = documents.peek(key)?.text;
    // After a reset it comes again with a pull.
    if (text === undefined) throw Object.assign(new Error('the text is not there'), { code: 'NOT_LOADED' });
    const dots = [...text.matchAll(/\./g)].map(({ index }) => index);
    if (roll === null || dots.length === 0) return documents.splice(key, '/text', text.length, 0, token);
    return documents.splice(key, '/text', dots[roll % dots.length], 1, token);
  }

  #follow(mark, write) {
    const began = Date.now();
    write.durable.then(
      (durable) => say({ mark, durable, tookMs: Date.now() - began, mirror: this.#client.status.current.storage.mirror }),
      (error) => say({ mark, failed: error.code }),
    );
    write.settled.then(({ ending, error }) => say({ mark, ending, code: error?.code }));
  }
}

window.writer = new Writer();
