// The same text in characters that are hard to handle: each letter becomes, always in the same way, one of
//
// - a character outside the basic plane, U+20000 plus the letter's own code (two UTF-16 units),
// - the letter with a combining mark, or
// - the character outside the basic plane with a combining mark (three units).
//
// Which one, and which mark, is drawn from a seed and the letter. Different letters stay different, so different texts do too.
// No character comes out composed: whoever normalizes the text changes it.

import { random } from './random.mjs';

const SEED = 20_000;
const PLANE = 0x20000;
/** Combining marks of the first block, U+0300 to U+036F. */
const MARKS = { first: 0x300, count: 0x70 };
const LETTER = /^\p{L}$/u;

/** What a character becomes: itself, unless it is a letter of the basic plane. */
export function astral(character) {
  const code = character.codePointAt(0);
  if (code >= 0x10000 || !LETTER.test(character)) return character;
  const drawn = random(SEED + code);
  const kind = drawn.below(3);
  const mark = String.fromCodePoint(MARKS.first + drawn.below(MARKS.count));
  const far = String.fromCodePoint(PLANE + code);
  return [far, character + mark, far + mark][kind];
}
