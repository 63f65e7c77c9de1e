// Waiting, with an end.

import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

const LOOK_MS = 20;

/** What a promise gives, or an error with this sentence after so long. */
export async function deadline(ms, sentence, promise) {
  const stop = new AbortController();
  const late = sleep(ms, null, { signal: stop.signal }).then(() => {
    throw new Error(`${sentence} (waited ${ms / 1000} s)`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    late.catch(() => {});
    stop.abort();
  }
}

/** Looks again and again, until there is something to see. */
export async function until(ms, sentence, look) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(LOOK_MS)) {
    const seen = await look();
    if (seen) return seen;
  }
  throw new Error(`${sentence} (waited ${ms / 1000} s)`);
}
