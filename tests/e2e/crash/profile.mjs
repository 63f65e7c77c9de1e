// A browser's profile on disk, through the lives of the browsers that use it: killed, started again, and found to have lost its
// databases or not.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Browser } from '../support/devtools.mjs';

const DATABASES = 'Default/IndexedDB';

export class Profile {
  browser = null;
  #folder;
  #origin;
  #life = 0;

  constructor(folder, origin) {
    this.#folder = folder;
    this.#origin = origin;
  }

  /** Starts a browser, and looks for the mark of the one before it: whether all databases were lost meanwhile. */
  async start() {
    this.browser = await Browser.start(this.#folder);
    const page = await this.browser.open(`${this.#origin}/mark.html`);
    const before = this.#life;
    this.#life += 1;
    const { fresh, life, dataLoss, dataLossMessage } = await page.call('mark', this.#life);
    await page.close();
    if (!fresh && life !== before) throw new Error(`the mark in the profile is that of life ${life}, and it was life ${before} that left one: a part of it was lost`);
    return { wasReset: fresh && before > 0, dataLoss, dataLossMessage };
  }

  /** Kills the browser with all its processes at once. */
  async kill() {
    await this.browser?.kill();
  }

  /**
   * Changes a byte of the log of the browser's databases. Every one of them is under a checksum, and where one is wrong at the next
   * start, Chromium makes all databases of the origin anew, empty: so the first byte does as well as the last one.
   */
  async spoil() {
    const folders = (await readdir(join(this.#folder, DATABASES))).filter((name) => name.endsWith('.indexeddb.leveldb'));
    for (const folder of folders) {
      const inside = join(this.#folder, DATABASES, folder);
      for (const name of (await readdir(inside)).filter((name) => name.endsWith('.log'))) {
        const bytes = await readFile(join(inside, name));
        if (bytes.length === 0) continue;
        bytes[bytes.length >> 1] ^= 0xff;
        await writeFile(join(inside, name), bytes);
      }
    }
  }
}
