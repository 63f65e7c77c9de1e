// What is timed, written once for all arms. A timed step gets an adapter (the
// shape is in README.md) and returns milliseconds by row name; documents are
// made before the clock starts.

import { contents, messages } from '../messages.mjs';
import { median } from '../results.mjs';

const ORIGIN = location.origin;
/** How long an app rests before it is closed, in which an arm may tidy up. */
const REST_MS = 2_500;

/**
 * Touches the origin's storage through a database of nobody's. A browser that was just started
 * spends some 30 ms on the first touch, whoever makes it; that is not the arm's time.
 */
async function touchStorage() {
  await new Promise((resolve, reject) => {
    const request = indexedDB.open('nobody');
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

async function timed(work) {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

/** Leaves `count` documents in the store, durable, with nothing left to send. */
export async function fill(peer, { count }) {
  const store = await peer.fill(messages(count), ORIGIN);
  await new Promise((rested) => setTimeout(rested, REST_MS));
  await store.close();
}

/** Single writes, each awaited until durable: the middle one of `samples`. */
export async function durableOne(peer, options) {
  return { durable_one: await singleWrites(await peer.open(null), options) };
}

/** The same, where durable means that a loss of power takes nothing away. */
export async function durableOneStrict(peer, options) {
  return { durable_one_strict: await singleWrites(await peer.open(null, { strict: true }), options) };
}

async function singleWrites(store, { count, samples }) {
  const times = [];
  for (const document of messages(count + samples).slice(count)) {
    times.push((await timed(() => store.write(document))).ms);
  }
  return median(times);
}

/** One call a document, none awaited by itself, until all are durable. */
export async function durableMany(peer, { count }) {
  const documents = messages(count);
  const store = await peer.open(null);
  return { durable_many: (await timed(() => store.writeEach(documents))).ms };
}

/** One call for all documents, until all are durable. */
export async function bulk(peer, { count }) {
  const documents = messages(count);
  const store = await peer.open(null);
  return { bulk: (await timed(() => store.writeAll(documents))).ms };
}

/** One call a document, until the server has acknowledged every one. */
export async function acknowledge(peer, { count, row }) {
  const documents = messages(count);
  const store = await peer.open(ORIGIN);
  return { [row]: (await timed(() => store.writeAcknowledged(documents))).ms };
}

/** From opening the store until one document of it can be read. */
export async function reopenOne(peer, { count }) {
  const wanted = messages(count).at(Math.floor(count / 2));
  await touchStorage();
  const { ms, result } = await timed(async () => (await peer.open(null)).one(wanted.id));
  same([result], [wanted]);
  return { reopen_one: ms };
}

/** From opening the store until every document of it is a plain object. */
export async function reopenAll(peer, { count }) {
  const wanted = messages(count);
  const keys = wanted.map(({ id }) => id);
  await touchStorage();
  const { ms, result } = await timed(async () => {
    const documents = await (await peer.open(null)).all(keys);
    // Reading a member of each, so that nobody wins by parsing later.
    return { documents, length: documents.reduce((sum, { text }) => sum + text.length, 0) };
  });
  same(result.documents, wanted);
  return { reopen_all: ms };
}

/** What the store holds, read by an instance that did not write it. */
export async function readBack(peer, { count }) {
  const keys = messages(count).map(({ id }) => id);
  return contents(present(await (await peer.open(null)).all(keys)));
}

/** An arm that reads by key answers `undefined` for what it does not have. */
function present(documents) {
  return documents.filter((document) => document !== undefined);
}

function same(got, wanted) {
  const [one, other] = [contents(present(got)), contents(wanted)].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`read ${one} instead of ${other}`);
}
