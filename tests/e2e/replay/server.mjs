// The real server as a process on one file and one port: started, stopped, killed, started again.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { deadline, sleep } from './time.mjs';

const PAGE = fileURLToPath(new URL('page', import.meta.url));
const START_MS = 20_000;
const STOP_MS = 20_000;
/** A port that was given up may be in another's hands for a moment. */
const BIND_ATTEMPTS = 20;

/** The server's lives, one after the other. */
export class Server {
  #program;
  #database;
  #package;
  #port = 0;
  #process;
  /** What the server counted in its former lives. */
  #before = {};

  constructor({ program, database, package: folder }) {
    this.#program = program;
    this.#database = database;
    this.#package = folder;
  }

  /** Where it listens; the same in each life. */
  get address() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start() {
    for (let attempt = 1; !(await this.#tryToStart()); attempt += 1) {
      if (attempt === BIND_ATTEMPTS) throw new Error(`the server did not get port ${this.#port} again`);
      await sleep(100);
    }
  }

  /** Lets it finish what it is doing, and waits for its end; fails where that is not a good one. */
  async stop() {
    await this.#end('SIGTERM');
    if (this.#process.exitCode !== 0) throw new Error(`the server ended with ${this.#process.exitCode ?? this.#process.signalCode}`);
  }

  /** Ends it at once. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** From here on exactly these faults; without any, none. */
  async faults(plan = {}) {
    await this.ask('/test/faults', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(plan) });
  }

  /** What it counted in all its lives, up to the last look in each. */
  async counters() {
    const now = await this.ask('/test/counters');
    return sum(this.#before, now);
  }

  /** A JSON answer to a request. */
  async ask(path, options) {
    const response = await fetch(this.address + path, options);
    if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
    return response.json();
  }

  async #tryToStart() {
    const options = ['--db', this.#database, '--listen', `127.0.0.1:${this.#port}`, '--static', PAGE, '--package', this.#package];
    // It ends with its standard input, so also when this process is killed.
    const child = spawn(this.#program, [...options, '--keep-values', '--test-control', '--stop-with-stdin'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit').then(() => null);
    const said = once(createInterface({ input: child.stdout }), 'line').then(([line]) => line);
    const line = await deadline(START_MS, 'the server did not say where it listens', Promise.race([said, ended]));
    if (line === null) return false;
    const [, port] = /^listening http:\/\/127\.0\.0\.1:(\d+)$/.exec(line) ?? [];
    if (port === undefined) throw new Error(`the server's first line is no address: ${line}`);
    this.#port = Number(port);
    this.#process = child;
    return true;
  }

  async #end(signal) {
    this.#before = await this.counters();
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await deadline(STOP_MS, 'the server does not end', ended);
  }
}

function sum(one, other) {
  return Object.fromEntries(Object.entries(other).map(([name, count]) => [name, count + (one[name] ?? 0)]));
}
