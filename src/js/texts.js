// Texts become one in the module; what all of them have in common at both ends stays here, since a text costs most on its way there.

import { mergeTexts as merge } from './syncline.js';

const encoder = new TextEncoder();

/** How many units two texts have in common, from the front or, with the sign turned, from the back; no more than `most`. */
function shared(one, other, most, isAtEnd) {
  const part = (text, from, to) => (isAtEnd ? text.slice(text.length - to, text.length - from) : text.slice(from, to));
  let [low, high] = [0, most];
  if (part(one, 0, most) === part(other, 0, most)) return most;
  // What is the same up to `low` is not compared again; a string is compared faster than its units.
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (part(one, low, middle) === part(other, low, middle)) low = middle;
    else high = middle;
  }
  return low;
}

const isSpace = (unit) => unit === 32 || unit === 10;
/** No mark that belongs to what is in front of it. */
const isPlain = (unit) => unit < 0x300;

export function mergeTexts(base, local, remote) {
  if (local === base || local === remote) return remote;
  if (remote === base) return local;
  const sides = [local, remote].map((side) => {
    const most = Math.min(base.length, side.length);
    const front = shared(base, side, most, false);
    return { front, back: shared(base, side, most - front, true) };
  });
  let front = Math.min(...sides.map((side) => side.front));
  let back = Math.min(...sides.map((side) => side.back));
  // A text may be cut behind a space and in front of one, where both sides of the cut are the same in all three.
  do front -= 1; while (front > 0 && !(isSpace(base.charCodeAt(front - 1)) && isPlain(base.charCodeAt(front))));
  front = Math.max(front, 0);
  const at = (units) => base.charCodeAt(base.length - units);
  do back -= 1; while (back > 0 && !(isSpace(at(back)) && at(back + 1) !== 13));
  back = Math.max(back, 0);
  const [first, second, third] = [base, local, remote].map((text) => encoder.encode(text.slice(front, text.length - back)));
  return base.slice(0, front) + merge(first, second, third) + base.slice(base.length - back);
}
