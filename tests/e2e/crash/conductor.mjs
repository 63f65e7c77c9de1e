// One run: tabs write, the network has its weather, and again and again a renderer or the whole browser is killed.

import { sleep, until } from '../replay/time.mjs';
import { WEATHERS } from './network.mjs';
import { drawn, grounds, ROUNDS_A_BLOCK } from './writes.mjs';

/** How often tabs write, and how long the weather lasts. */
const WRITE_MS = { least: 20, more: 120 };
const WEATHER_MS = { least: 150, more: 1_200 };
/** How long there may be nothing that a kill could lose. */
const OUTSTANDING_MS = 4_000;
const SETTLE_MS = 120_000;
/** How long a reset may go unreported after a tab is open. */
const REPORT_MS = 10_000;
/** Documents that are compared with the server's in the end, of those that are not written any more. */
const COMPARED = 150;
const QUIET_MS = 200;

export class Conductor {
  figures = { kills: { renderer: 0, browser: 0 }, counted: { renderer: 0, browser: 0 }, resets: { natural: 0, made: 0 }, looks: 0, mirrorsGivenUp: 0, restartMs: [] };
  /** What each reset put at risk and what was told of it. */
  resets = [];
  #dice;
  #network;
  #profile;
  #tabs;
  #kept;
  #promises;
  #verdict;
  #tell;
  #round = 0;
  #marks = 0;
  #writes = false;
  #over = false;
  /** What tabs of this life of the browser said of their storage. */
  #reports = [];

  constructor({ dice, network, profile, tabs, kept, promises, verdict, tell }) {
    this.#dice = dice;
    this.#network = network;
    this.#profile = profile;
    this.#tabs = tabs;
    this.#kept = kept;
    this.#promises = promises;
    this.#verdict = verdict;
    this.#tell = tell;
  }

  /** A tab said something. */
  hear(said, tab) {
    if (said.mark !== undefined) this.#promises.hear(said);
    else if (said.storage !== undefined) this.#reports.push(said.storage);
    else if (said.drainer !== undefined) this.#mark(tab, said);
    else if (said.failure !== undefined) this.#promises.strange.push(`tab ${tab.number}: nothing caught ${said.failure}`);
    else this.#promises.trouble(said.trouble, said.message);
  }

  #mark(tab, { drainer, kind, mirror }) {
    if (tab.mirror === 'on' && mirror === 'off') this.figures.mirrorsGivenUp += 1;
    Object.assign(tab, { drains: drainer, kind, mirror });
  }

  /** Everything, up to the last kill and the end after it. */
  async perform(plan) {
    await this.#profile.start();
    this.lives.push({ wasReset: false, reports: this.#reports });
    await this.#tabs.become(1);
    const loads = [this.#load(), this.#blow()];
    try {
      for (const [at, kill] of plan.entries()) {
        for (let attempt = 0; !(await this.#kill(kill, `${at + 1} of ${plan.length}`)); attempt += 1) {
          if (attempt === 3) throw new Error('there is never anything outstanding that a kill could lose');
        }
      }
      await this.#heal();
    } finally {
      this.#over = true;
      await Promise.all(loads);
    }
  }

  /** One kill; whether it counts. */
  async #kill(kill, name) {
    if (this.#round % ROUNDS_A_BLOCK === 0) await this.#ground(this.#round / ROUNDS_A_BLOCK);
    this.#round += 1;
    await this.#tabs.become(kill.tabs);
    this.#writes = true;
    await sleep(kill.afterMs);
    await until(OUTSTANDING_MS, '', async () => (await this.#outstanding()) > 0).catch(() => {});
    if (kill.look) this.#network.change('refused');
    const { kind } = kill;
    const tabs = this.#tabs.alive;
    this.#killedAt = Date.now();
    if (kind === 'renderer') await this.#crash(tabs[this.#dice.tabs.below(tabs.length)]);
    else await this.#restart(kill.spoil);
    const counts = this.#atRisk > 0;
    this.figures.kills[kind] += 1;
    this.figures.counted[kind] += Number(counts);
    this.#tell(`kill ${name}: ${kind} with ${tabs.length} tabs, ${this.#atRisk} writes outstanding${kill.spoil ? ', log spoiled' : ''}`);
    if (kill.look) await this.#look();
    return counts;
  }

  #killedAt = 0;
  #atRisk = 0;

  async #outstanding() {
    await this.#network.passed();
    await this.#kept.read();
    return this.#promises.outstanding(this.#kept).length;
  }

  async #crash(tab) {
    await tab.page.crash();
    this.#atRisk = await this.#outstanding();
    await this.#tabs.sweep();
    await this.#tabs.open();
  }

  async #restart(spoil) {
    this.#writes = false;
    await this.#profile.kill();
    // At once: what is read of the server meanwhile is read while the browser starts.
    if (spoil) await this.#profile.spoil();
    const began = Date.now();
    const reports = (this.#reports = []);
    const started = this.#profile.start();
    this.#atRisk = await this.#outstanding();
    const { wasReset, dataLoss, dataLossMessage } = await started;
    this.figures.restartMs.push(Date.now() - began);
    if (wasReset) this.#onReset(spoil, { dataLoss, dataLossMessage }, reports);
    else this.#promises.restarted();
    await this.#tabs.become(1);
    if (wasReset) await until(REPORT_MS, '', () => reports.some(({ reset }) => reset)).catch(() => {});
    this.lives.push({ wasReset, reports });
    this.#writes = true;
  }

  /** The browser's lives: whether each began with a reset, and what was told. */
  lives = [];

  #onReset(made, { dataLoss, dataLossMessage }, reports) {
    this.figures.resets[made ? 'made' : 'natural'] += 1;
    const risked = this.#promises.reset(this.#killedAt);
    // Of a count only the sum can be seen.
    const missing = risked.filter((write) => write.kind !== 'increment' && !this.#kept.has(write));
    const unheard = this.#promises.unheard();
    this.resets.push({ made, at: this.#killedAt, risked, missing, unheard, reports });
    this.#tell(`  all databases were reset (${dataLoss}${dataLossMessage ? `: ${dataLossMessage}` : ''}); ${missing.length} writes were promised and not yet at the server`);
  }

  /** The documents of a block of rounds are made while nothing goes wrong. */
  async #ground(block) {
    this.#writes = false;
    this.#network.change('clear');
    this.#calm = true;
    const list = grounds(block);
    this.#promises.issue(list, this.#round);
    await this.#tabs.become(1);
    const [tab] = this.#tabs.alive;
    this.#tabs.write(tab, list);
    const there = async () => {
      await this.#kept.read();
      return list.every((write) => this.#kept.times(write) === 1);
    };
    await until(SETTLE_MS, 'the first documents do not arrive', there);
    this.#goOn();
  }

  /** The weather does not change by itself. */
  #calm = false;

  async #blow() {
    const all = Object.entries(WEATHERS).flatMap(([weather, often]) => Array(often).fill(weather));
    while (!this.#over) {
      const dice = this.#dice.weather;
      const weather = all[dice.below(all.length)];
      if (!this.#calm) this.#network.change(weather);
      await sleep(WEATHER_MS.least + dice.below(WEATHER_MS.more));
    }
  }

  async #load() {
    const next = () => `m${this.#round}-${(this.#marks += 1)}`;
    while (!this.#over) {
      const dice = this.#dice.writes;
      const tabs = this.#tabs.alive;
      if (this.#writes && tabs.length > 0) {
        const tab = tabs[dice.below(tabs.length)];
        const list = drawn(dice, Math.floor((this.#round - 1) / ROUNDS_A_BLOCK), tab, next);
        this.#promises.issue(list, this.#round);
        this.#tabs.write(tab, list);
      }
      await sleep(WRITE_MS.least + dice.below(WRITE_MS.more));
    }
  }

  /** With nobody writing and nothing getting through, no document may say for long that it is being sent. */
  async #look() {
    this.#writes = false;
    this.#calm = true;
    this.#network.change('refused');
    await this.#tabs.askAll('follow');
    let stuck = null;
    for (const end = Date.now() + 8_000; Date.now() < end && stuck?.size !== 0; await sleep(QUIET_MS)) {
      const { taken } = this.#network;
      const lists = await this.#tabs.askAll('syncing');
      const isQuiet = taken === this.#network.taken && this.#network.underWay === 0 && Date.now() - this.#network.lastUnderWay > QUIET_MS;
      if (isQuiet) stuck = new Set(lists.flat().filter((name) => stuck === null || stuck.has(name)));
    }
    this.figures.looks += Number(stuck !== null);
    this.#verdict.must(!stuck?.size, `after kill ${this.#round}, nobody says for seconds of what nobody sends that it is being sent: ${[...(stuck ?? [])].join(', ')}`);
    this.#goOn();
  }

  #goOn() {
    this.#calm = false;
    this.#writes = true;
  }

  /** Nothing goes wrong any more: everything is sent, and every tab sees what the server has. */
  async #heal() {
    this.#writes = false;
    this.#calm = true;
    this.#network.change('clear');
    this.#tell('nothing goes wrong any more');
    await this.#tabs.become(3);
    await until(SETTLE_MS, 'not everything is sent', async () => {
      for (const tab of this.#tabs.alive) {
        await tab.page.show();
        await this.#tabs.ask(tab, 'push');
      }
      const states = await this.#tabs.askAll('state');
      return states.every(({ pendingMutations }) => pendingMutations === 0);
    }).catch(async (error) => this.#verdict.must(false, `${error.message}: ${JSON.stringify(await this.#tabs.askAll('state'))}`));
    await this.#kept.read();
    const states = await this.#tabs.askAll('state');
    this.#verdict.must(states.filter(({ drainer }) => drainer).length === 1, `one tab drains (${JSON.stringify(states)})`);
    const inboxes = await this.#tabs.askAll('inbox');
    this.#verdict.must(inboxes.every((inbox) => inbox.length === 0), `nothing was refused (${JSON.stringify(inboxes[0].slice(0, 5))})`);
    await this.#tabs.askAll('follow');
    this.#verdict.must((await this.#tabs.askAll('syncing')).every((list) => list.length === 0), 'in the end no document says that it is being sent');
    await this.#compare();
  }

  async #compare() {
    const all = this.#kept.documents;
    const shared = all.filter(([collection]) => !['pairs', 'briefs'].includes(collection));
    const others = all.filter(([collection]) => ['pairs', 'briefs'].includes(collection)).slice(-COMPARED);
    const documents = [...shared, ...others];
    const names = documents.map(([collection, key]) => [collection, key]);
    for (const tab of this.#tabs.alive) {
      const seen = await this.#tabs.ask(tab, 'seen', names);
      const different = documents.filter(([, , value], at) => !isSame(value, seen[at]));
      const [first] = different;
      this.#verdict.must(different.length === 0, `tab ${tab.number} sees what the server has: ${different.length} documents are others, ${first?.slice(0, 2).join('/')} first`);
    }
  }
}

/** Whether two documents are the same, in whatever order their members are. */
function isSame(one, other) {
  const sorted = (value) => JSON.stringify(value, (_, member) => (isPlain(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member));
  return sorted(one) === sorted(other);
}

function isPlain(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
