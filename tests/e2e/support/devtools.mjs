// Chromium by its own protocol, over a pipe: for what a driver that keeps pages awake, or ends with the browser, is in the way of.
//
// The browser is started in a process group of its own, so that all of it can be killed at once, and ends when the pipe does: it
// does not outlive this process.

import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chrome } from './places.mjs';

const FLAGS = [
  '--headless', '--remote-debugging-pipe', '--no-first-run', '--no-default-browser-check', '--disable-gpu', '--disable-quic', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-breakpad', '--disable-dev-shm-usage', '--password-store=basic', '--use-mock-keychain',
];

/** What a command was refused for, or that the browser was gone before it answered. */
export class DevtoolsError extends Error {}

/** A browser over a profile on disk. Emits `gone` when it has ended, however. */
export class Browser extends EventEmitter {
  /** Errors that nothing in any of its pages caught. */
  failures = [];
  /** A profile that goes with it. */
  #own = null;
  #process;
  #ended;
  #asked = new Map();
  #pages = new Map();
  #last = 0;
  #rest = '';

  /** Starts one, and waits until it answers. `executable` is Chromium, or a script that becomes it. */
  static async start(profile, { executable = chrome, flags = [] } = {}) {
    const browser = new Browser();
    // Root cannot have Chromium's sandbox.
    const own = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    browser.#begin(spawn(executable, [...FLAGS, ...own, ...flags, `--user-data-dir=${profile}`, 'about:blank'], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] }));
    await browser.send('Browser.getVersion');
    return browser;
  }

  /** Starts one over a profile of its own, which goes when it is closed. */
  static async fresh(options) {
    const own = mkdtempSync(join(tmpdir(), 'syncline-fresh-'));
    const browser = await Browser.start(own, options);
    browser.#own = own;
    return browser;
  }

  get isRunning() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The pages that were opened and are not closed, crashed ones too. */
  get pages() {
    return [...this.#pages.values()];
  }

  /** Asks, and waits for the answer. */
  send(method, params = {}, sessionId = undefined) {
    const id = (this.#last += 1);
    return new Promise((resolve, reject) => {
      if (!this.isRunning) return reject(new DevtoolsError(`${method}: the browser is gone`));
      this.#asked.set(id, { method, resolve, reject });
      this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** A page of its own, in front of all others unless it is to be behind. */
  async open(url, { behind = false } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', background: behind });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    this.#pages.set(sessionId, page);
    page.on('failure', (what) => this.failures.push(what));
    await page.begin(url);
    return page;
  }

  forget(page) {
    this.#pages.delete(page.sessionId);
  }

  /** Kills all of it at once, and waits until it is gone. */
  async kill() {
    if (this.isRunning) process.kill(-this.#process.pid, 'SIGKILL');
    await this.#ended;
  }

  /** Asks it to end, as a user would. */
  async close() {
    this.send('Browser.close').catch(() => {});
    const late = setTimeout(() => this.kill(), 10_000);
    await this.#ended;
    clearTimeout(late);
    if (this.#own !== null) rmSync(this.#own, { recursive: true, force: true, maxRetries: 5 });
  }

  #begin(child) {
    this.#process = child;
    this.#ended = once(child, 'exit').then(() => this.#end());
    const hears = child.stdio[4];
    hears.setEncoding('utf8');
    hears.on('data', (text) => this.#hear(text));
    // A pipe to a browser that was killed is broken; that it is gone is heard from the process.
    child.stdio[3].on('error', () => {});
    hears.on('error', () => {});
  }

  #end() {
    for (const { method, reject } of this.#asked.values()) reject(new DevtoolsError(`${method}: the browser is gone`));
    this.#asked.clear();
    for (const page of this.pages) page.end();
    this.emit('gone');
  }

  #hear(text) {
    const pieces = (this.#rest + text).split('\0');
    this.#rest = pieces.pop();
    for (const piece of pieces) this.#take(JSON.parse(piece));
  }

  #take({ id, result, error, method, params, sessionId }) {
    if (id === undefined) return void this.#pages.get(sessionId)?.take(method, params);
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error) asked?.reject(new DevtoolsError(`${asked.method}: ${error.message}`));
    else asked?.resolve(result);
  }
}

/**
 * A page. Emits `report` with what its function `report(text)` was given, `failure` with an error that nothing in it caught, and
 * `crashed` when it has, or its browser is gone.
 */
export class Page extends EventEmitter {
  isAlive = true;
  #browser;

  constructor(browser, targetId, sessionId) {
    super();
    this.#browser = browser;
    this.targetId = targetId;
    this.sessionId = sessionId;
  }

  send(method, params) {
    return this.#browser.send(method, params, this.sessionId);
  }

  async begin(url) {
    await Promise.all([this.send('Page.enable'), this.send('Runtime.enable'), this.send('Inspector.enable'), this.send('Runtime.addBinding', { name: 'report' })]);
    const loaded = once(this, 'Page.loadEventFired');
    const crashed = once(this, 'crashed').then(() => Promise.reject(new DevtoolsError(`${url}: the page is gone`)));
    crashed.catch(() => {});
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText) throw new DevtoolsError(`${url}: ${errorText}`);
    await Promise.race([loaded, crashed]);
  }

  /** What an expression is, or what it promises. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new DevtoolsError(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** What a function of the page's gives for these arguments, which are plain data. */
  call(name, ...given) {
    return this.evaluate(`${name}(${given.map((one) => JSON.stringify(one)).join(', ')})`);
  }

  /** Before all others of its window. */
  show() {
    return this.#browser.send('Target.activateTarget', { targetId: this.targetId });
  }

  /** Crashes the process that draws it. */
  async crash() {
    if (!this.isAlive) return;
    const crashed = once(this, 'crashed');
    this.send('Page.crash').catch(() => {});
    await crashed;
  }

  async close() {
    this.#browser.forget(this);
    this.end();
    await this.#browser.send('Target.closeTarget', { targetId: this.targetId }).catch(() => {});
  }

  end() {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.emit('crashed');
  }

  take(method, params) {
    if (method === 'Runtime.bindingCalled') this.emit('report', params.payload);
    else if (method === 'Runtime.exceptionThrown') this.emit('failure', params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    else if (method === 'Inspector.targetCrashed') this.end();
    else this.emit(method, params);
  }
}
