// One arm of one measurement: a peer in a profile of its own. Browsers are
// started when a step needs one, and ended or killed between steps.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { launch } from './chromium.mjs';

const STEP_MS = 180_000;

/** The peer has no such feature: a row without a figure, not a failure. */
export class Unable extends Error {}

/** An arm whose profile is made under `profiles`, a directory on a real disk. */
export async function startArm({ peer, address, executable, profiles }) {
  const profile = await mkdtemp(join(profiles, `${peer}-`));
  let browser = null;
  let page = null;
  let failure = null;

  const open = async () => {
    browser = await launch(executable, profile);
    page = await browser.context.newPage();
    failure = new Promise((_, reject) => {
      page.once('pageerror', reject);
      page.once('crash', () => reject(new Error('the page crashed')));
    });
    failure.catch(() => {});
    await page.goto(`${address}/page.html?peer=${peer}`);
  };

  const end = async (how) => {
    const ending = browser;
    browser = null;
    await ending?.[how]();
  };

  return {
    /** Runs a step of browser/steps.mjs; fails where the page fails or takes too long. */
    async run(step, options) {
      if (browser === null) await open();
      const late = sleep(STEP_MS, null, { ref: false }).then(() => {
        throw new Error(`${step} did not end within ${STEP_MS} ms`);
      });
      const work = page.evaluate(([name, given]) => globalThis.bench(name, given), [step, options]);
      const answer = await Promise.race([work, failure, late]);
      if (answer.unable) throw new Unable(answer.unable);
      return answer;
    },
    /** Ends the browser as a user does; the next step finds the profile as it is. */
    close: () => end('close'),
    /** Ends the browser with no warning. */
    kill: () => end('kill'),
    /** What the server holds and was asked. */
    serverState: async () => (await fetch(`${address}/bench/state`)).json(),
    /** Removes the profile. */
    async remove() {
      await end('kill');
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
