// What lies between the pages and the server: it gives out the pages and the package, and lets what is said to the server through,
// late, cut off or not at all, as the weather is.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGES = fileURLToPath(new URL('page', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };

/** What may happen to a request, and how often each of it is drawn. */
export const WEATHERS = { clear: 14, slow: 5, refused: 1, unanswered: 3, truncated: 2, silent: 2 };
const SLOW_MS = 900;

export class Network {
  weather = 'clear';
  /** Requests to the server that were taken, and those of them whose end the page has not heard of. */
  taken = 0;
  underWay = 0;
  /** When one was last under way. */
  lastUnderWay = 0;
  /** The hash by which the client names its user. */
  scope = null;
  #folder;
  #upstream;
  #server;
  /** Who waits for the weather to change. */
  #waiting = [];
  #passing = new Set();

  /** `upstream` is the server's address, `folder` the package's. */
  static async start(upstream, folder) {
    const network = new Network();
    network.#upstream = new URL(upstream);
    network.#folder = folder;
    network.#server = createServer((asked, answer) => network.#serve(asked, answer).catch(() => asked.destroy()));
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    return network;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Resolves when the server has answered all that has come through to it. */
  async passed() {
    await Promise.allSettled(this.#passing);
  }

  change(weather) {
    this.weather = weather;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async stop() {
    this.change('refused');
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(asked, answer) {
    const { pathname } = new URL(asked.url, this.origin);
    if (pathname.startsWith('/sync/')) return this.#pass(asked, answer);
    const [folder, path] = pathname.startsWith('/pkg/') ? [this.#folder, pathname.slice('/pkg'.length)] : [PAGES, pathname === '/' ? '/index.html' : pathname];
    const file = await readFile(join(folder, normalize(path))).catch(() => null);
    answer.writeHead(file ? 200 : 404, { 'content-type': TYPES[extname(path)] ?? 'text/plain', 'cache-control': 'no-store' });
    answer.end(file ?? 'nothing is here');
  }

  async #pass(asked, answer) {
    this.taken += 1;
    this.underWay += 1;
    answer.once('close', () => {
      this.underWay -= 1;
      this.lastUnderWay = Date.now();
    });
    this.scope ??= asked.headers['syncline-scope'] ?? null;
    const { weather } = this;
    if (weather === 'refused') return asked.destroy();
    if (weather === 'silent') {
      await Promise.race([new Promise((wake) => this.#waiting.push(wake)), once(answer, 'close')]);
      return asked.destroy();
    }
    const body = await whole(asked);
    if (weather === 'slow') await sleep(((this.taken * 7919) % SLOW_MS) + 50);
    // A browser that was killed meanwhile has taken what it said with it.
    if (answer.destroyed) return;
    const forwarded = this.#forward(asked, body);
    this.#passing.add(forwarded);
    const { status, headers, bytes } = await forwarded.finally(() => this.#passing.delete(forwarded));
    if (weather === 'unanswered') return asked.destroy();
    delete headers['transfer-encoding'];
    answer.writeHead(status, { ...headers, 'content-length': bytes.length });
    if (weather !== 'truncated' || bytes.length < 2) return answer.end(bytes);
    answer.write(bytes.subarray(0, bytes.length >> 1), () => asked.destroy());
  }

  /** The server carries out what has arrived, whether or not anybody hears the answer. */
  #forward({ method, url, headers }, body) {
    const { hostname, port } = this.#upstream;
    return new Promise((resolve, reject) => {
      const passed = request({ hostname, port, path: url, method, headers: { ...headers, connection: 'close' } }, async (reply) => {
        resolve({ status: reply.statusCode, headers: { ...reply.headers, connection: 'keep-alive' }, bytes: await whole(reply).catch(reject) });
      });
      passed.on('error', reject);
      passed.end(body);
    });
  }
}

async function whole(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
