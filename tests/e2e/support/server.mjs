// The reference server as a child process, and what it holds.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { pages, pkg, server as program } from './places.mjs';

/** Runs the server with these arguments; paths in them are relative to `cwd`. It ends with this process, whatever happens to it. */
export async function runServer(words, { cwd } = {}) {
  const child = spawn(program, [...words, '--stop-with-stdin'], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the server ended with ${code}`))),
  ]);
  return {
    url: line.replace(/^listening /, ''),
    async stop() {
      const ended = child.exitCode === null ? once(child, 'exit') : [child.exitCode];
      child.stdin.end();
      const [code] = await ended;
      if (code !== 0) throw new Error(`the server ended with ${code}`);
    },
  };
}

/** Starts a server with an empty database. */
export async function startServer({ flags = [], www = pages, packaged = pkg } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-e2e-'));
  const words = ['--db', join(folder, 'data.sqlite'), '--static', www, '--package', packaged, '--test-control'];
  let running = await runServer([...words, ...flags]);
  const { url } = running;
  const test = async (path, options) => {
    const reply = await fetch(`${url}/test/${path}`, options);
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    return reply.json();
  };
  return {
    url,
    /** From here on exactly these faults. */
    faults: (plan) => test('faults', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(plan) }),
    counters: () => test('counters'),
    /** Stops it, and starts it at the same address over the same database with these flags. */
    async restart(flags) {
      await running.stop();
      running = await runServer([...words, '--listen', new URL(url).host, ...flags]);
    },
    async stop() {
      await running.stop().finally(() => rmSync(folder, { recursive: true, force: true }));
    },
  };
}

/** All documents of a scope as a server has them, by `collection/key`. `scope` is the hash that clients send. */
export async function documentsOf(url, scope) {
  const documents = new Map();
  for (let cursor = ''; ; ) {
    const query = cursor === '' ? '' : `&since=${encodeURIComponent(cursor)}`;
    const headers = { 'syncline-protocol': '1', 'syncline-scope': scope, 'syncline-client': 'test', 'syncline-session': '0', 'syncline-request': '1' };
    const reply = await fetch(`${url}/sync/pull?feed=main&limit=1000${query}`, { headers });
    if (!reply.ok) throw new Error(`pull: ${reply.status} ${await reply.text()}`);
    const page = await reply.json();
    for (const { collection, key, value, deleted } of page.changes) {
      if (deleted) documents.delete(`${collection}/${key}`);
      else documents.set(`${collection}/${key}`, value);
    }
    if (!page.more) return documents;
    cursor = page.cursor;
  }
}
