// A recording made up from a seed, in the format of the real ones: somebody types, corrects, jumps, pastes, and deletes.

import { random } from './random.mjs';

const WORDS = ['the', 'queue', 'keeps', 'what', 'nobody', 'has', 'heard', 'über', 'naïve', 'Straße', '東京', 'привет', '→', '😀', '👩‍💻', 'e\u0301', '\n', '{ }'];
const START = 'A page 😀, begun elsewhere.\n';

/** A recording of this many edits. */
export function generated(seed, edits) {
  const drawn = random(seed);
  const text = [...START];
  const txns = [];
  let at = text.length;

  const edit = (...patches) => {
    for (const [position, remove, insert] of patches) text.splice(position, remove, ...insert);
    const [position, , insert] = patches.at(-1);
    at = position + [...insert].length;
    txns.push({ patches });
  };
  const word = () => WORDS[drawn.below(WORDS.length)];
  const somewhere = (room) => drawn.below(Math.max(1, text.length - room));

  const habits = [
    // Most of the time a word is typed, character by character.
    ...new Array(10).fill(() => { for (const character of `${word()} `) edit([at, 0, character]); }),
    ...new Array(3).fill(() => { for (let left = Math.min(at, 1 + drawn.below(9)); left > 0; left -= 1) edit([at - 1, 1, '']); }),
    ...new Array(3).fill(() => { at = drawn.below(text.length + 1); }),
    () => edit([at, 0, Array.from({ length: 20 + drawn.below(60) }, word).join(' ')]),
    () => { const room = Math.min(text.length, drawn.below(80)); edit([somewhere(room), room, '']); },
    // A word is replaced in two places with one command of the editor.
    () => { if (text.length > 40) { const first = drawn.below(20); edit([first, 2, word()], [first + 10, 3, word()]); } },
    // A character is replaced by itself: an edit that changes nothing.
    () => { if (at > 0) edit([at - 1, 1, text[at - 1]]); },
  ];
  while (txns.length < edits) habits[drawn.below(habits.length)]();
  txns.length = edits;

  const end = [...START];
  for (const { patches } of txns) for (const [position, remove, insert] of patches) end.splice(position, remove, ...insert);
  return { startContent: START, endContent: end.join(''), txns };
}
