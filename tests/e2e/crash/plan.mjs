// What is killed, and when: drawn before the first tab opens.

import { random } from '../replay/random.mjs';

/** Of so many kills one is of the whole browser, the others of one renderer. */
const KILLS_A_BROWSER = 3;
/** Of so many kills one is followed by a look at what the tabs say is being sent, with nobody writing and no network. */
const KILLS_A_LOOK = 4;
/** How long tabs write before something is killed. */
const WRITING_MS = { least: 150, more: 2_000 };

/** Streams of dice that do not disturb each other. */
export function diceOf(seed) {
  return { kills: random(seed), writes: random(seed + 0x1234_5678), weather: random(seed + 0x2468_ace0), tabs: random(seed + 0x1357_9bdf) };
}

/** So many kills, so many of which make a reset. */
export function planOf({ kills, resets }, dice) {
  const browsers = Math.max(Math.round(kills / KILLS_A_BROWSER), resets);
  const plan = Array.from({ length: kills }, (_, at) => ({ kind: at < browsers ? 'browser' : 'renderer', spoil: at < resets, look: at % KILLS_A_LOOK === 0 }));
  shuffle(plan, dice);
  return plan.map((kill) => ({ ...kill, tabs: 1 + dice.below(6), afterMs: WRITING_MS.least + dice.below(WRITING_MS.more) }));
}

function shuffle(list, dice) {
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = dice.below(at + 1);
    [list[at], list[other]] = [list[other], list[at]];
  }
}
