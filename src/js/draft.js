// From an edited draft, or a patch of RFC 7396, to the places that are set and removed.

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

/** An RFC 7396 patch as an operation. */
export function patchOf(changes) {
  const operation = { op: 'patch', set: {}, remove: [], object: [] };
  const enter = (at, members) => {
    operation.object.push(at);
    for (const [name, value] of Object.entries(members)) {
      const place = inside(at, name);
      if (value === null) operation.remove.push(place);
      else if (isObject(value)) enter(place, value);
      else operation.set[place] = value;
    }
  };
  enter('', changes);
  return operation;
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
