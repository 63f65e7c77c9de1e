// What names and documents must be before they cross into the module.

import { check, SyncError } from './errors.js';

const NAME_BYTES_MAX = 1024;

/** What `JSON.stringify` makes of a value is what is stored, unless it makes nothing of it or throws. */
export function textOf(value) {
  let text;
  let cause;
  try {
    text = JSON.stringify(value);
  } catch (thrown) {
    cause = thrown;
  }
  if (text === undefined) throw new SyncError('INVALID_DOCUMENT', `not a JSON document: ${cause?.message ?? typeof value}`, { cause });
  return text;
}

/** The module would turn a lone surrogate into another character, silently. */
export function wellFormed(text) {
  return typeof text === 'string' && !/[\ud800-\udfff]/u.test(text);
}

/** Checks the name of `what`. UTF-8 has at most three bytes a unit, so that most need no counting. */
export function name(text, what) {
  const fits = wellFormed(text) && text !== '' && (text.length * 3 <= NAME_BYTES_MAX || new TextEncoder().encode(text).length <= NAME_BYTES_MAX);
  check(fits, `${what} is named by a string of 1 to ${NAME_BYTES_MAX} bytes without lone surrogates`);
  return text;
}

export function isWhole(number) {
  return Number.isSafeInteger(number) && number >= 0;
}
