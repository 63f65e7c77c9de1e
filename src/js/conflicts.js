// Conflicts that no rule settles: the app's functions are asked, and what waits for a person is listed.

import { freeze } from './apply.js';
import { check, SyncError } from './errors.js';
import { textOf } from './names.js';
import { Told } from './told.js';

/** What becomes of a conflict in a collection, as the module takes it, and the app's function for it, where there is one. */
export function ruled(collection, conflict) {
  const isFunction = (rule) => typeof rule === 'function';
  if (isFunction(conflict)) return { conflict: ASKED, resolver: conflict };
  const { fields, otherwise } = conflict ?? {};
  const others = [...Object.values(fields ?? {}), isFunction(otherwise) ? undefined : otherwise, conflict];
  check(!others.some((rule) => isFunction(rule) || rule === ASKED), `of the collection "${collection}", a function is all of conflict, or its otherwise`);
  return isFunction(otherwise) ? { conflict: { ...conflict, otherwise: ASKED }, resolver: otherwise } : { conflict };
}

/** The rule that has the app's function asked. */
const ASKED = 'app';

export class Conflicts extends Told {
  #ask;
  #resolvers;
  #trouble;

  /** `ask` asks the engine what is answered later; `trouble(error)` tells of what no caller waits for. */
  constructor(ask, resolvers = new Map(), trouble) {
    super((told) => freeze({ id: told.mutations[0], collection: told.address.collection, ...shape(told), resolve: (decision) => this.#resolve(told, decision) }));
    this.#ask = ask;
    this.#resolvers = resolvers;
    this.#trouble = trouble;
  }

  /** Takes in what the engine tells of one, and gives what tells of it. */
  take(told, order) {
    if (!told.asked) return this.add(idOf(told.address), told, order, ({ digest }) => digest === told.digest);
    const tell = this.drop(told.address, order);
    return () => {
      tell?.();
      this.#consult(told);
    };
  }

  drop(address, order) {
    return this.remove(idOf(address), order);
  }

  /** Asks the app's function. One that fails, or says what is no decision, leaves it to a person. */
  async #consult(told) {
    const resolver = this.#resolvers.get(told.address.collection) ?? (() => ({ defer: true }));
    let decision;
    try {
      // Not in the call that has brought it up.
      await null;
      decision = await resolver(freeze(shape(told)));
      read(decision);
    } catch (error) {
      this.#fail(told, error);
      decision = { defer: true };
    }
    // What has moved meanwhile is asked about again.
    await this.#resolve(told, decision).catch((error) => NO_DOCUMENT.includes(error.code) && this.#fail(told, error));
  }

  #fail({ address: { collection, key } }, cause) {
    this.#trouble(new SyncError('VALIDATION', `the function for conflicts in "${collection}" has failed at "${key}"`, { cause }));
  }

  async #resolve({ address: { collection, key }, digest }, decision) {
    await this.#ask('resolve', collection, key, textOf({ digest, ...read(decision) }));
  }
}

/** What the engine says of a decision that is none: a person decides. */
const NO_DOCUMENT = ['VALIDATION', 'INVALID_DOCUMENT', 'TOO_LARGE'];

/** A decision as the module takes it. */
function read(decision) {
  const { take, defer } = decision ?? {};
  if (take === 'mine' || take === 'theirs') return { take };
  if (defer === true) return { take: 'defer' };
  check(Object.hasOwn(decision ?? {}, 'value'), 'a decision is { take: "mine" }, { take: "theirs" }, { value } or { defer: true }');
  const { value } = decision;
  // JSON would leave out what is no document, and that is none.
  if (value !== undefined) textOf(value);
  return { take: 'value', value };
}

/** One as the app's function gets it. */
function shape({ address: { key }, base, mine, theirs, fields, mutations }) {
  return { key, base, mine, theirs, fields, mutationIds: mutations };
}

function idOf({ collection, key }) {
  return JSON.stringify([collection, key]);
}
