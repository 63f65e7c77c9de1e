// From the app's options to an open client.

import { Auth } from './auth.js';
import { SyncClient, unless } from './client.js';
import { ruled } from './conflicts.js';
import { check } from './errors.js';
import { unloadGuard } from './guard.js';
import { Instance } from './instance.js';
import { checkVersion, migrator } from './migrate.js';
import { Mirror } from './mirror.js';
import { init } from './module.js';
import { name as named } from './names.js';
import { databaseOf } from './stores.js';
import { bind } from './transport.js';

/** The options, and what those that are groups hold. A transport may hold what its functions need. */
const OPTIONS = {
  name: null,
  scope: null,
  transport: null,
  auth: null,
  collections: null,
  feeds: null,
  storage: ['durability', 'mirror', 'memoryBytesMax'],
  poll: ['baseMs', 'maxMs'],
  batch: ['windowMs', 'itemsMax', 'bytesMax'],
  guardUnload: null,
  wasm: null,
  signal: null,
};

export async function open(options = {}) {
  const { name, scope = '', transport, auth: provider, collections = {}, feeds = ['main'], storage, poll, batch, guardUnload = false, wasm, signal } = options;
  // An option that nothing reads would be a promise that nobody keeps.
  for (const [given, group] of Object.entries(options)) {
    check(Object.hasOwn(OPTIONS, given), `there is no option "${given}"`);
    for (const member of Object.keys((OPTIONS[given] && group) ?? {})) {
      check(OPTIONS[given].includes(member), `there is no option "${given}.${member}"`);
    }
  }
  const database = databaseOf({ name, scope });
  check([undefined, 'strict', 'relaxed'].includes(storage?.durability), 'storage.durability is "strict" or "relaxed"');
  const { mirror = true } = storage ?? {};
  check([true, false, 'await'].includes(mirror), 'storage.mirror is true, false or "await"');
  check([undefined, 'function'].includes(provider && typeof provider), 'auth is a function');
  check(typeof guardUnload === 'boolean', 'guardUnload is true or false');
  const auth = provider && new Auth(provider);
  check(Array.isArray(feeds) && feeds.length > 0 && feeds.length <= 64, 'feeds is a list of 1 to 64 names');
  check(new Set(feeds.map((feed) => named(feed, 'a feed'))).size === feeds.length, 'feeds are different ones');
  const { kind, url, capable, host } = bind(transport, auth, feeds[0]);
  const declared = Object.entries(collections).map(([collection, given]) => {
    const { coalesce = true, version = 0, migrate, conflict, ...others } = given ?? {};
    check(typeof coalesce === 'boolean', `of the collection "${collection}", coalesce is true or false`);
    check(Object.keys(others).length === 0, `of the collection "${collection}", there is no option "${Object.keys(others)[0]}"`);
    checkVersion(collection, version, migrate);
    return { collection, coalesce, version, migrate, ...ruled(collection, conflict) };
  });
  const uncoalesced = declared.filter(({ coalesce }) => !coalesce).map(({ collection }) => collection);
  const versions = declared.filter(({ version }) => version > 0).map(({ collection, version }) => [collection, version]);
  const rules = declared.filter(({ conflict }) => conflict !== undefined).map(({ collection, conflict }) => [collection, conflict]);
  const resolvers = new Map(declared.map(({ collection, resolver }) => [collection, resolver]));
  host.migrate = migrator(new Map(declared.map(({ collection, migrate }) => [collection, migrate])));
  const numbers = {
    memoryBytesMax: storage?.memoryBytesMax,
    pollBaseMs: poll?.baseMs,
    pollMaxMs: poll?.maxMs,
    batchWindowMs: batch?.windowMs,
    batchItemsMax: batch?.itemsMax,
    batchBytesMax: batch?.bytesMax,
  };
  // JSON would leave out or change what is no number, silently.
  for (const [option, value] of Object.entries(numbers)) {
    check(value === undefined || (Number.isSafeInteger(value) && value >= 0), `${option} is a whole number, 0 or more`);
  }
  const config = {
    transport: kind,
    feeds: options.feeds,
    auth: auth ? true : undefined,
    uncoalesced: uncoalesced.length > 0 ? uncoalesced : undefined,
    versions: versions.length > 0 ? Object.fromEntries(versions) : undefined,
    merge: rules.length > 0 ? Object.fromEntries(rules) : undefined,
    ...capable,
    crossOrigin: kind === 'protocol' && new URL(url).origin !== globalThis.location?.origin,
    witnessed: true,
    mirror: (mirror !== false && Mirror.isPossible) || undefined,
    mirrorAwaited: mirror === 'await' || undefined,
    strict: storage?.durability ? storage.durability === 'strict' : undefined,
    ...numbers,
  };
  let instance;
  try {
    await unless(signal, async () => {
      await init({ wasm });
      if (signal?.aborted) return;
      const guard = guardUnload ? unloadGuard() : undefined;
      instance = new Instance(database, JSON.stringify({ name, scope, url, config }), host, auth, guard, resolvers);
      await instance.ready;
    });
  } catch (error) {
    instance?.close().catch(() => {});
    throw error;
  }
  return new SyncClient(instance);
}
