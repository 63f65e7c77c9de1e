// The tabs of the browser: opened, filled with writes, asked, crashed. What they report is passed on as long as they live, and no
// longer: what a killed page said and nobody heard was not said.

import { deadline } from '../replay/time.mjs';

const OPEN_MS = 30_000;
const ASK_MS = 30_000;

export class Tabs {
  #profile;
  #origin;
  #options;
  #hear;
  #open = [];
  #count = 0;

  /** `hear(said, tab)` gets what a tab says; `options` are what the client is opened with. */
  constructor({ profile, origin, options, hear }) {
    this.#profile = profile;
    this.#origin = origin;
    this.#options = options;
    this.#hear = hear;
  }

  /** Those that are open and alive. */
  get alive() {
    return this.#open.filter(({ page }) => page.isAlive);
  }

  /** Opens or closes tabs until there are so many. */
  async become(count) {
    this.#open = this.alive;
    while (this.#open.length > count) await this.#open.shift().page.close();
    while (this.alive.length < count) await this.open();
  }

  async open() {
    const page = await deadline(OPEN_MS, 'the page does not load', this.#profile.browser.open(this.#origin));
    const tab = { page, number: (this.#count += 1), drains: false };
    page.on('report', (text) => this.#hear(JSON.parse(text), tab));
    page.on('failure', (failure) => this.#hear({ failure }, tab));
    await deadline(OPEN_MS, 'the client does not open', page.call('writer.opened', this.#options));
    this.#open.push(tab);
    return tab;
  }

  /** Has a tab make writes, and waits for nothing. */
  write(tab, list) {
    tab.page.call('writer.write', list).catch(() => {});
  }

  ask(tab, name, ...given) {
    return deadline(ASK_MS, `tab ${tab.number} does not answer ${name}`, tab.page.call(`writer.${name}`, ...given));
  }

  /** Asks all that are alive. */
  askAll(name, ...given) {
    return Promise.all(this.alive.map((tab) => this.ask(tab, name, ...given)));
  }

  /** The crashed ones are closed, as a user would. */
  async sweep() {
    for (const { page } of this.#open.filter(({ page }) => !page.isAlive)) await page.close();
    this.#open = this.alive;
  }
}
