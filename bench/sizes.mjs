// What the sizes and durabilities of the store were chosen by: IndexedDB itself, in a browser over a profile on disk.
// `cargo xtask bench --sizes` prints it; README.md says what each figure means.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { launch } from './chromium.mjs';
import { median } from './results.mjs';

const [DOCUMENTS, DOCUMENT_BYTES] = [10_000, 300];
const PAGE_KB = [2, 8, 16, 32, 64, 128, 512];
const COMMIT_KB = [0.3, 4, 64, 512];
const CHANGED = 100;
const [ROUNDS, SAMPLES] = [5, 40];

/** Runs in the page. Every figure is of a database of its own. */
function measure() {
  const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const complete = (transaction) => new Promise((resolve, reject) => Object.assign(transaction, { oncomplete: resolve, onabort: () => reject(transaction.error) }));
  const bytes = (length) => {
    const made = new Uint8Array(length);
    for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(made.subarray(at, at + 65_536));
    return made;
  };
  const timed = async (work) => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  const opened = (name) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore('s');
    return done(request);
  };
  const put = (db, rows, durability) => {
    const transaction = db.transaction('s', 'readwrite', { durability });
    for (const [key, value] of rows) transaction.objectStore('s').put(value, key);
    return complete(transaction);
  };
  const erase = (name) => done(indexedDB.deleteDatabase(name));

  /** So many bytes in pages of this size: written, read, read in part, and changed in some places. */
  async function pages(total, pageBytes, changed) {
    const name = `pages ${pageBytes}`;
    const count = Math.ceil(total / pageBytes);
    const rows = Array.from({ length: count }, (_, number) => [number, bytes(pageBytes)]);
    let db = await opened(name);
    const write = await timed(() => put(db, rows, 'relaxed'));
    db.close();
    db = await opened(name);
    const all = await timed(() => done(db.transaction('s').objectStore('s').getAll()));
    const one = await timed(() => done(db.transaction('s').objectStore('s').get(count >> 1)));
    const touched = new Set(Array.from({ length: changed }, () => Math.floor(Math.random() * count)));
    const change = await timed(() => put(db, [...touched].map((number) => rows[number]), 'relaxed'));
    db.close();
    await erase(name);
    return { write, all, one, change };
  }

  /** Commits of so many bytes, one after the other; the middle one. */
  async function commits(length, durability, samples) {
    const name = `commits ${length} ${durability}`;
    const db = await opened(name);
    const times = [];
    for (let number = 0; number < samples; number += 1) times.push(await timed(() => put(db, [[number, bytes(length)]], durability)));
    db.close();
    await erase(name);
    return times.sort((one, other) => one - other)[samples >> 1];
  }

  window.measured = { pages, commits };
}

const profile = mkdtempSync(join(tmpdir(), 'syncline-sizes-'));
const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }).end('<!doctype html>'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await launch(process.env.CHROME ?? '/usr/bin/chromium', profile);
try {
  const page = await browser.context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(measure);
  // The first touch of a browser's storage is slow, whoever makes it.
  await page.evaluate(() => measured.pages(1e6, 1e5, 1));
  const found = { pages: new Map(PAGE_KB.map((kb) => [kb, []])), commits: new Map(COMMIT_KB.map((kb) => [kb, { relaxed: [], strict: [] }])) };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [kb, list] of found.pages) list.push(await page.evaluate((given) => measured.pages(...given), [DOCUMENTS * DOCUMENT_BYTES, kb * 1024, CHANGED]));
    for (const [kb, lists] of found.commits) {
      for (const durability of ['relaxed', 'strict']) lists[durability].push(await page.evaluate((given) => measured.commits(...given), [Math.round(kb * 1024), durability, SAMPLES]));
    }
  }
  const ms = (list) => median(list).toPrecision(3);
  console.log(`${DOCUMENTS} documents of ${DOCUMENT_BYTES} bytes, in pages:\n`);
  console.log(`| page, KB | all written, ms | all read, ms | one read, ms | ${CHANGED} documents changed, ms |\n| --- | --- | --- | --- | --- |`);
  for (const [kb, list] of found.pages) console.log(`| ${kb} | ${['write', 'all', 'one', 'change'].map((what) => ms(list.map((row) => row[what]))).join(' | ')} |`);
  console.log('\nOne commit after the other:\n\n| commit, KB | relaxed, ms | strict, ms | strict ÷ relaxed |\n| --- | --- | --- | --- |');
  for (const [kb, { relaxed, strict }] of found.commits) console.log(`| ${kb} | ${ms(relaxed)} | ${ms(strict)} | ${(median(strict) / median(relaxed)).toPrecision(3)} |`);
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
}
