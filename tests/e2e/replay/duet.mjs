// Two browsers in which two write one text, as they once did, with what goes wrong between them and the server.

import { join } from 'node:path';

import { launch } from './browser.mjs';
import { inOrder } from './concurrent.mjs';
import { kept } from './kept.mjs';
import { deadline, until } from './time.mjs';

const PATIENCE_MS = 60_000;
const WINDOW_MS = 10;
/** What goes wrong in a round of typing, by turns, each for both or for one of the two; in all others nothing does. */
const WRONG = ['lose', 'cut', 'slow', 'reload', 'kill'];
/** In so many rounds one is like that. */
const ROUNDS = 12;

/**
 * Types all of it: in each round both type, at once, whatever they can whose reasons have reached them; then all of that reaches the
 * other. Gives the figures; what has to hold is in the verdict.
 */
export async function duet({ server, executable, folder, recording, verdict, tell }) {
  await server.start();
  const { edits, survivors, order, place } = recording;
  const writers = await Promise.all([0, 1].map((who) => Writer.open(who, { server, executable, folder, order, edits: edits.filter(({ agent }) => agent === who) })));
  const began = performance.now();
  const wrong = Object.fromEntries(WRONG.map((name) => [name, 0]));
  try {
    await writers[0].call('make');
    for (let round = 1; writers.some(({ isDone }) => !isDone); round += 1) {
      const reached = writers.map(({ typed }) => typed);
      const fault = round % ROUNDS === 0 ? WRONG[(round / ROUNDS) % WRONG.length] : undefined;
      const victim = writers[Math.floor(round / ROUNDS / WRONG.length) % 2];
      if (fault !== undefined) wrong[fault] += 1;
      await begin(fault, { server, victim });
      await Promise.all(writers.map((writer) => writer.type(reached[1 - writer.who])));
      await end(fault, { server, victim });
      await Promise.all(writers.map((writer) => writer.rest()));
      await Promise.all(writers.map((writer) => writer.call('pull')));
      if (writers.every(({ typed }, who) => typed === reached[who])) throw new Error('both wait for each other');
      if (round % 250 === 0) tell(`round ${round}: ${writers.map(({ typed }) => typed).join(' and ')} edits`);
    }
    const texts = await Promise.all(writers.map((writer) => writer.call('text')));
    await Promise.all(writers.map((writer) => writer.count()));
    const { documents } = await kept(server, writers[0].wire.scope);
    const there = [...texts[0]];
    verdict.must(texts[0] === texts[1], 'both have the same text');
    verdict.must(documents.length === 1 && documents[0].value?.text === texts[0], 'and the server has it');
    verdict.must(new Set(there).size === there.length, 'no character is there twice');
    const [missing, more] = [difference(survivors, there), difference(there, survivors)];
    verdict.must(missing === 0, `none is lost (${missing})`);
    verdict.must(more === 0, `none is there that somebody took away (${more})`);
    for (const { wire } of writers) verdict.must(wire.errors.length === 0, `nothing was thrown in a page: ${wire.errors[0]}`);
    await Promise.all(writers.map((writer) => writer.call('close')));
    return {
      edits: edits.length,
      characters: there.length,
      inOrder: inOrder(there.filter((character) => place(character) !== undefined), place),
      merged: writers[0].merged + writers[1].merged,
      wrong,
      requests: writers.reduce((sum, { wire }) => sum + wire.requests, 0),
      seconds: Math.round((performance.now() - began) / 100) / 10,
    };
  } finally {
    await Promise.all(writers.map((writer) => writer.leave()));
    await server.stop();
  }
}

/** It begins before both type. */
async function begin(fault, { server, victim }) {
  if (fault === 'lose') await server.faults({ loseNext: 2 });
  if (fault === 'slow') await server.faults({ slowMs: 300 });
  if (fault === 'cut') await victim.cut(true);
}

/** And is over when they have typed. */
async function end(fault, { server, victim }) {
  if (fault === 'cut') await victim.cut(false);
  if (fault === 'reload') await victim.reload();
  if (fault === 'kill') {
    await server.kill();
    await server.start();
  }
  if (fault === 'slow') await server.faults();
}

const difference = (these, others) => {
  const known = new Set(others);
  return these.filter((one) => !known.has(one)).length;
};

/** One of the two, in a browser of its own. */
class Writer {
  #browser;
  #address;
  #order;
  #edits;
  who;
  typed = 0;
  /** How many splices were merged in the lives of its page that were counted. */
  merged = 0;

  constructor(who, browser, address, order, edits) {
    this.who = who;
    this.#browser = browser;
    this.#address = address;
    this.#order = order.join('');
    this.#edits = edits;
  }

  static async open(who, { server, executable, folder, order, edits }) {
    const writer = new Writer(who, await launch({ executable, profile: join(folder, `profile-${who}`) }), server.address, order, edits);
    await writer.#start();
    return writer;
  }

  get wire() {
    return this.#browser.wire;
  }

  get isDone() {
    return this.typed === this.#edits.length;
  }

  /** Asks the page. */
  call(name, ...given) {
    const asked = this.#browser.page.evaluate(([name, given]) => window.writer[name](...given), [name, given]);
    return deadline(PATIENCE_MS, `writer ${this.who} does not answer ${name}`, asked);
  }

  async state() {
    const state = await this.call('state');
    if (state.failures.length > 0) throw new Error(`writer ${this.who}: ${state.failures.length} failures; ${state.failures[0]}`);
    if (state.storage !== 'indexeddb') throw new Error(`writer ${this.who} keeps its writes in ${state.storage}`);
    return state;
  }

  /** Types what needs no more than so many edits of the other. */
  async type(reached) {
    const blocked = this.#edits.findIndex(({ needs }, at) => at >= this.typed && needs > reached);
    this.typed = blocked < 0 ? this.#edits.length : blocked;
    await this.call('type', this.typed);
  }

  /** Until all that it has typed is at the server. */
  rest() {
    return until(PATIENCE_MS, `writer ${this.who} does not come to rest`, async () => (await this.state()).pending === 0);
  }

  cut(isCut) {
    return this.#browser.page.context().setOffline(isCut);
  }

  /** The page goes, with what is stored, perhaps on its way, and comes again. */
  async reload() {
    await until(PATIENCE_MS, 'what was typed is not stored', async () => (await this.state()).durable === this.typed);
    await this.count();
    await this.#start();
  }

  /** Before the page goes. */
  async count() {
    this.merged += (await this.state()).merged;
  }

  leave() {
    return this.#browser.close();
  }

  async #start() {
    const { page } = this.#browser;
    await page.goto(`${this.#address}/writer.html`);
    await until(PATIENCE_MS, 'the page does not load', () => page.evaluate('typeof writer === "object"').catch(() => false));
    await this.call('opened', { windowMs: WINDOW_MS });
    await this.call('begin', { edits: this.#edits.map(({ steps }) => steps), order: this.#order, from: this.typed });
  }
}
