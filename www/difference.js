// What changed between two texts, as one range. Positions are UTF-16 units, and no surrogate pair is ever split.

const isHigh = (unit) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit) => unit >= 0xdc00 && unit < 0xe000;

/** `{ at, remove, insert }` that makes `after` of `before`; `null` where they are equal. */
export function difference(before, after) {
  if (before === after) return null;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start += 1;
  let tail = 0;
  while (tail < shorter - start && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail += 1;
  if (start > 0 && isHigh(before.charCodeAt(start - 1))) start -= 1;
  if (tail > 0 && isLow(before.charCodeAt(before.length - tail))) tail -= 1;
  return { at: start, remove: before.length - start - tail, insert: after.slice(start, after.length - tail) };
}

const end = ({ at, remove }) => at + remove;
const applied = (text, edit) => text.slice(0, edit.at) + edit.insert + text.slice(end(edit));

/**
 * The text with both edits of `before` in it. Where they touch, what either removed is gone, and their text stands before mine.
 */
export function together(before, mine, theirs) {
  if (mine === null || theirs === null) return applied(before, mine ?? theirs ?? { at: 0, remove: 0, insert: '' });
  if (end(mine) < theirs.at) return applied(applied(before, theirs), mine);
  if (end(theirs) < mine.at) return applied(applied(before, mine), theirs);
  const at = Math.min(mine.at, theirs.at);
  const remove = Math.max(end(mine), end(theirs)) - at;
  return applied(before, { at, remove, insert: theirs.insert + mine.insert });
}
