// What goes wrong while somebody types, and when: decided before the first key is pressed.

/** A run with as many patches as this, or more, has to see all that is asked for; a shorter one its share of it. */
const FULL = 15_000;
const ACKNOWLEDGED = 500;
const SENT_AGAIN = 20;
/** Times that replies are lost, for each entry that has to be sent again. */
const SPARE = 1.25;
/** No push is answered. */
const LOSE_ALL = { loseNext: 1_000_000 };
/** No push is answered soon. */
const SLOW = { slowMs: 3_000 };
/** Typing speed of a full run, and bounds of how long any may type. */
const PATCHES_PER_SECOND = 220;
const SECONDS = { least: 18, most: 300 };

/** The big events: at which part of the recording, what happens, and what keeps acknowledgements away meanwhile. */
const EVENTS = [
  { part: 1 / 6, event: 'stop', how: 'stop', faults: LOSE_ALL },
  { part: 2 / 6, event: 'reload', how: 'stored', faults: LOSE_ALL },
  { part: 3 / 6, event: 'stop', how: 'kill', faults: SLOW },
  { part: 4 / 6, event: 'reload', how: 'at once', faults: SLOW },
  { part: 5 / 6, event: 'stop', how: 'stop', faults: LOSE_ALL },
];

/** The plan of a run of so many patches. Events are in the order of `at`, the number of patches that are typed by then. */
export function planOf(patches) {
  const share = Math.min(1, patches / FULL);
  const least = { acknowledged: Math.ceil(ACKNOWLEDGED * share), sentAgain: Math.ceil(SENT_AGAIN * share) };
  const seconds = Math.min(SECONDS.most, Math.max(SECONDS.least, patches / PATCHES_PER_SECOND));
  const big = EVENTS.map(({ part, ...event }) => ({ at: Math.round(part * patches), ...event }));
  const near = Math.ceil(patches / 40);
  const replies = Math.ceil(least.sentAgain * SPARE);
  const lost = Array.from({ length: replies }, (_, index) => {
    const at = Math.round(((index + 0.5) / replies) * patches);
    // What is lost next to a big event would be forgotten with the server that was to lose it.
    const isNear = big.some((event) => Math.abs(event.at - at) < near);
    return { at: isNear ? at + 2 * near : at, event: 'lose', faults: LOSE_ALL };
  });
  return {
    events: [...big, ...lost].sort((a, b) => a.at - b.at),
    least,
    perSecond: patches / seconds,
    /** How many patches before a big event acknowledgements begin to be held back. */
    lead: Math.max(3, Math.min(60, Math.floor(patches / 150))),
    /** How long the server is away. */
    awayMs: 1_500,
    /** How long the client gathers writes. */
    windowMs: 30,
  };
}
