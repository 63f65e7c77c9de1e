// One performance: a page types, and the conductor sees to it that what the plan says goes wrong at the right moment.

import { deadline, sleep, until } from './time.mjs';

const OPEN_MS = 30_000;
const STORE_MS = 30_000;
/** The longest that typing may stand still before something is wrong. */
const STALL_MS = 20_000;
/** How long the rest may take to be acknowledged: the longest wait of the client's link, and some. */
const SETTLE_MS = 60_000;

/** What a page's lives add up to: the figures of a client's status begin at 0 when it is opened. */
const FIGURES = ['entriesSent', 'entriesResent', 'entriesAcknowledged', 'requests'];

export class Conductor {
  #server;
  #page;
  #wire;
  #recording;
  #plan;
  #verdict;
  #tell;
  #figures = Object.fromEntries(FIGURES.map((name) => [name, 0]));

  /** `tell(line)` hears what happens; `verdict` notes what held. */
  constructor({ server, page, wire, recording, plan, verdict, tell }) {
    this.#server = server;
    this.#page = page;
    this.#wire = wire;
    this.#recording = recording;
    this.#plan = plan;
    this.#verdict = verdict;
    this.#tell = tell;
  }

  /** Types all of it. Gives the client's own figures; afterwards everything is acknowledged and the client is closed. */
  async perform() {
    await this.#page.goto(this.#server.address);
    const { text } = await this.#open();
    if (text !== null) throw new Error('the document exists before anything was typed');
    await this.#begin(0);
    for (const event of this.#plan.events) {
      if (event.event === 'lose') {
        await this.#lose(event);
      } else {
        // The page itself stops there before a reload, and waits for the word to go on.
        await this.#typed(event.at - this.#plan.lead);
        await this.#server.faults(event.faults);
        await (event.event === 'stop' ? this.#stop(event) : this.#reload(event));
      }
    }
    await this.#typed(this.#recording.splices.length);
    const { acknowledged } = await this.#settled();
    this.#verdict.must(acknowledged === this.#recording.splices.length, `the last patch is acknowledged (${acknowledged})`);
    const shown = await this.#page.evaluate('typist.text()');
    this.#verdict.must(shown === this.#recording.end, "the page's own document equals the recording's end");
    this.#leave(await this.#state());
    await deadline(STORE_MS, 'the client does not close', this.#page.evaluate('typist.close()'));
    return this.#figures;
  }

  /**
   * Replies are lost until the page misses one. The first may be made up for by Chromium, which repeats a request by itself
   * where a connection that it used before is closed. A page that still recovers from the fault before is let recover: its
   * client waits longer after each further one.
   */
  async #lose({ at, faults }) {
    await this.#typed(at);
    await this.#more('no push is answered', () => this.#wire.pushesAnswered);
    await this.#server.faults(faults);
    await this.#more('the page misses no reply', () => this.#wire.repliesLost);
    await this.#server.faults();
  }

  /** Waits until a count is higher than it is, or nothing is left to be sent. */
  async #more(sentence, count) {
    const before = count();
    await until(SETTLE_MS, sentence, async () => {
      const { isTyping, status } = await this.#state();
      return count() > before || (!isTyping && status.pendingMutations === 0);
    });
  }

  /** The server goes away while somebody types, and comes back on the same file. */
  async #stop({ at, how }) {
    const before = await this.#typed(at);
    await (how === 'kill' ? this.#server.kill() : this.#server.stop());
    const { acknowledged, typed } = await this.#state();
    const pending = before.status.pendingMutations;
    this.#tell(`${how === 'kill' ? 'killed' : 'stopped'} the server after patch ${before.typed}, with ${pending} unacknowledged, known to be applied: ${acknowledged}`);
    this.#verdict.must(pending > 0 && acknowledged < before.typed, `the server went away on unacknowledged edits (${pending})`);
    await sleep(this.#plan.awayMs);
    await this.#server.start();
    this.#tell(`started it again; typed meanwhile: ${(await this.#state()).typed - typed}`);
  }

  async #reload({ at, how }) {
    const { before, opened } = await (how === 'at once' ? this.#reloadAtOnce(at) : this.#reloadStored(at));
    const { typed, durable, acknowledged, status } = before;
    const pending = status.pendingMutations;
    const found = this.#find(opened.text, durable, typed);
    const when = how === 'at once' ? 'in the turn of' : 'after';
    this.#tell(`reloaded the page ${when} patch ${typed}, with ${pending} unacknowledged; surely stored: ${durable}, found: ${found ?? 'no such text'}`);
    this.#verdict.must(pending > 0 && acknowledged < typed, `the page was reloaded on unacknowledged edits (${pending})`);
    this.#verdict.must(found !== undefined, `after the reload the document is the text after a patch from ${durable} to ${typed}`);
    if (found === undefined) throw new Error('nobody knows where to go on typing');
    this.#leave(before);
    await this.#server.faults();
    await this.#begin(found, at);
  }

  /** The page pauses; when all is stored, it is reloaded. */
  async #reloadStored(at) {
    await this.#type({ to: at });
    await this.#typed(at);
    const before = await until(STORE_MS, 'what was typed is not stored', async () => {
      const state = await this.#state();
      return state.durable === state.typed && state;
    });
    await this.#page.reload();
    return { before, opened: await this.#open() };
  }

  /** The page reloads itself, in the turn in which it types. */
  async #reloadAtOnce(at) {
    const life = await this.#page.evaluate('performance.timeOrigin');
    await this.#type({ to: at, thenReload: true });
    // While a page is being left, there is nobody to ask.
    await until(STALL_MS, 'the page does not reload', async () => (await this.#page.evaluate('performance.timeOrigin').catch(() => life)) !== life);
    const opened = await this.#open();
    return { before: opened.left, opened };
  }

  /** The number of the last patch from `least` to `most` after which the text is this. */
  #find(text, least, most) {
    let found;
    let count = 0;
    for (const after of this.#recording.texts()) {
      if (count >= least && count <= most && after === text) found = count;
      count += 1;
    }
    return found;
  }

  async #open() {
    const { windowMs } = this.#plan;
    await until(OPEN_MS, 'the page does not load', () => this.#page.evaluate('typeof typist === "object"').catch(() => false));
    return deadline(OPEN_MS, 'the client does not open', this.#page.evaluate((options) => typist.opened(options), { windowMs }));
  }

  /** Types from patch `from` on: to the end, or until shortly before the first reload that is planned behind patch `behind`. */
  async #begin(from, behind = 0) {
    const { start, splices } = this.#recording;
    const { events, perSecond, lead } = this.#plan;
    await this.#page.evaluate((score) => typist.begin(score), { start, splices, from, perSecond });
    const reload = events.find(({ event, at }) => event === 'reload' && at > behind);
    await this.#type({ to: reload ? reload.at - lead : splices.length });
  }

  #type(goal) {
    return this.#page.evaluate((goal) => typist.type(goal), goal);
  }

  async #state() {
    const state = await this.#page.evaluate('typist.state()');
    if (state.failures.length > 0) throw new Error(`${state.failures.length} writes failed; ${state.failures[0]}`);
    if (state.status.storage !== 'indexeddb') throw new Error(`the client keeps its writes in ${state.status.storage}`);
    return state;
  }

  /** Waits until so many patches are typed. */
  async #typed(count) {
    let last = { typed: -1, at: 0 };
    return until(Infinity, '', async () => {
      const state = await this.#state();
      if (state.typed > last.typed) last = { typed: state.typed, at: Date.now() };
      if (Date.now() - last.at > STALL_MS) throw new Error(`nothing was typed for ${STALL_MS / 1000} s after patch ${last.typed}`);
      return state.typed >= count && state;
    });
  }

  #settled() {
    return until(SETTLE_MS, 'not all that was typed is acknowledged', async () => {
      const state = await this.#state();
      // The page hears of an ending when that is stored, a moment after the write is pending no more.
      return state.status.pendingMutations === 0 && state.acknowledged === this.#recording.splices.length && state;
    });
  }

  /** A client ends: its figures go into the sum. */
  #leave({ status }) {
    for (const name of FIGURES) this.#figures[name] += status[name];
  }
}
