// From an edited draft to the places that were set and removed.

import { isObject } from './apply.js';

/**
 * The patch that makes `after` of `before`, exactly: `{ set: { pointer: value }, remove: [pointer] }`. It goes into objects
 * only; a list that differs is replaced whole, since a position in one means nothing once somebody else has changed it.
 */
export function diff(before, after) {
  const patch = { set: {}, remove: [] };
  compare(before, after, '', patch);
  return patch;
}

function compare(before, after, place, patch) {
  if (!isObject(before) || !isObject(after)) {
    if (!same(before, after)) patch.set[place] = after;
    return;
  }
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) patch.remove.push(inside(place, name));
  }
  for (const name of Object.keys(after)) {
    if (Object.hasOwn(before, name)) compare(before[name], after[name], inside(place, name), patch);
    else patch.set[inside(place, name)] = after[name];
  }
}

function inside(place, name) {
  return `${place}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Whether two JSON values are equal; the order of members does not matter. */
function same(a, b) {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}
