// A real browser, and pages in it that note what goes wrong.

import { chromium } from 'playwright-core';

import { chrome } from './places.mjs';

const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** What a browser is started with. Root cannot have Chromium's sandbox. */
export const QUIET = process.getuid?.() === 0 ? [...FLAGS, '--no-sandbox'] : FLAGS;

const START = { executablePath: chrome, headless: true, args: QUIET };

/** A browser, with more options of playwright's where there are some. */
export function launch(options = {}) {
  return chromium.launch({ ...START, ...options });
}

/** A browser whose profile is in this folder; all its pages are in the one context that this gives. */
export function launchOn(folder, options = {}) {
  return chromium.launchPersistentContext(folder, { ...START, ...options });
}

/** Notes a page's uncaught errors, and the scope's hash that its clients send. */
export function observe(page) {
  const seen = { errors: [], scope: null };
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('request', (request) => {
    const scope = request.headers()['syncline-scope'];
    if (scope !== undefined) seen.scope = scope;
  });
  return seen;
}

/** Waits until `read()` gives something true, and gives that. `what` is said where it never does. */
export async function until(what, read, patienceMs = 20_000) {
  const end = Date.now() + patienceMs;
  for (let last; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    last = await read();
    if (last) return last;
    if (Date.now() > end) throw new Error(`waited ${patienceMs} ms for: ${what}`);
  }
}

/** A page of this context, at this address; what is seen of it is its `seen`, and one of those that are `observed`. */
export async function pageAt(context, url, observed) {
  const page = await context.newPage();
  page.seen = observe(page);
  observed.push(page.seen);
  await page.goto(url);
  return page;
}
