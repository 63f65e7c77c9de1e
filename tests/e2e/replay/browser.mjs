// Real headless Chromium with a profile on disk, and what its page says on the wire.

import { chromium } from 'playwright-core';

// No calls home, and TCP only.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Starts a browser; `{ page, wire, close }`. */
export async function launch({ executable, profile }) {
  const context = await chromium.launchPersistentContext(profile, { executablePath: executable, headless: true, args: FLAGS });
  const page = context.pages()[0] ?? (await context.newPage());
  return { page, wire: new Wire(page), close: () => context.close() };
}

/** How a request ends whose server took it and then went without a word. */
const NO_REPLY = ['net::ERR_EMPTY_RESPONSE', 'net::ERR_CONNECTION_CLOSED', 'net::ERR_CONNECTION_RESET'];

/**
 * Counts the sync requests of a page, the bytes of their bodies, and the entries that the page sent once more because no reply
 * came. (What Chromium repeats by itself, no page can see.)
 */
class Wire {
  requests = 0;
  unanswered = 0;
  repliesLost = 0;
  pushesAnswered = 0;
  sentAgain = 0;
  bytesUp = 0;
  bytesDown = 0;
  /** The hash by which the client names its user. */
  scope;
  /** Errors that nothing in the page caught. */
  errors = [];
  /** Entries whose reply was lost, until they are sent again. */
  #lost = new Set();
  /** Requests that were answered. Chromium calls some of them aborted afterwards, with the whole reply read. */
  #answered = new WeakSet();

  constructor(page) {
    const ours = (listener) => (message) => new URL(message.url()).pathname.startsWith('/sync/') && listener(message);
    page.on('request', ours((request) => this.#onRequest(request)));
    page.on('requestfailed', ours((request) => this.#onFailure(request)));
    page.on('response', ours((response) => this.#onResponse(response)));
    page.on('pageerror', (error) => this.errors.push(error.stack ?? String(error)));
  }

  #onRequest(request) {
    this.requests += 1;
    this.bytesUp += request.postDataBuffer()?.length ?? 0;
    this.scope ??= request.headers()['syncline-scope'];
    for (const id of idsIn(request)) this.sentAgain += Number(this.#lost.delete(id));
  }

  #onResponse(response) {
    const request = response.request();
    this.#answered.add(request);
    this.pushesAnswered += Number(request.method() === 'POST');
    this.bytesDown += Number(response.headers()['content-length'] ?? 0);
  }

  #onFailure(request) {
    if (this.#answered.has(request)) return;
    this.unanswered += 1;
    if (!NO_REPLY.includes(request.failure()?.errorText)) return;
    this.repliesLost += 1;
    for (const id of idsIn(request)) this.#lost.add(id);
  }
}

function idsIn(request) {
  return request.method() === 'POST' ? request.postDataJSON().entries.map(({ id }) => id) : [];
}
