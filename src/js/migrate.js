// What the app makes of documents that an earlier version of it has stored.

import { check, report } from './errors.js';
import { isWhole, textOf } from './names.js';

/** The module asks in the midst of its work: nothing may be asked of it meanwhile. */
let isMigrating = false;

export function checkVersion(collection, version, migrate) {
  check(isWhole(version), `of the collection "${collection}", version is a whole number, 0 or more`);
  check([undefined, 'function'].includes(migrate && typeof migrate), `of the collection "${collection}", migrate is a function`);
}

/** Answers the module: of a collection, from a version, a document's text. `undefined` where it cannot be migrated. */
export function migrator(migrations) {
  return (collection, from, text) => {
    isMigrating = true;
    try {
      const made = migrations.get(collection)?.(JSON.parse(text), from);
      check(typeof made?.then !== 'function', 'migrate must not be async');
      return made === undefined ? undefined : textOf(made);
    } catch (error) {
      report(error);
    } finally {
      isMigrating = false;
    }
  };
}

export function checkCall() {
  check(!isMigrating, 'migrate makes of a document what it says, and calls no client');
}
