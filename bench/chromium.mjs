// Headless Chromium over a profile directory, as a process that can be killed:
// what a store called durable must still be there when nothing had time to
// close.

import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const START_MS = 30_000;
const END_MS = 10_000;
const FLAGS = [
  '--headless',
  '--remote-debugging-port=0',
  // The only pages are ours, on the loopback; containers often have no sandbox.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--disable-extensions',
  '--disable-component-update',
  '--disable-background-networking',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--no-first-run',
  '--no-default-browser-check',
  '--password-store=basic',
];

const running = new Set();

/** Ends all browsers at once: for when the bench itself is told to end. */
export function killAll() {
  for (const child of running) process.kill(-child.pid, 'SIGKILL');
}

/** Starts a browser on a profile; it may have been used and killed before. */
export async function launch(executable, profile) {
  const portFile = join(profile, 'DevToolsActivePort');
  await rm(portFile, { force: true });
  const child = spawn(executable, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    detached: true,
    stdio: 'ignore',
  });
  const ended = new Promise((resolve, reject) => {
    child.once('spawn', () => running.add(child));
    child.once('exit', () => {
      running.delete(child);
      resolve();
    });
    child.once('error', reject);
  });
  ended.catch(() => {});
  const endProcess = async () => {
    if (running.has(child)) process.kill(-child.pid, 'SIGKILL');
    await ended;
  };
  try {
    const port = await portOf(portFile, child);
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    return {
      version: browser.version(),
      context: browser.contexts()[0],
      /** Ends the browser as its user does. */
      async close() {
        const session = await browser.newBrowserCDPSession();
        await session.send('Browser.close').catch(() => {});
        await Promise.race([ended, sleep(END_MS, null, { ref: false })]);
        await endProcess();
        await browser.close().catch(() => {});
      },
      /** Ends every process of the browser at once, with no warning. */
      async kill() {
        await endProcess();
        await browser.close().catch(() => {});
      },
    };
  } catch (error) {
    await endProcess();
    throw error;
  }
}

async function portOf(portFile, child) {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(20)) {
    if (child.exitCode !== null) throw new Error(`the browser ended at once, code ${child.exitCode}`);
    const text = await readFile(portFile, 'utf8').catch(() => '');
    const [port, path] = text.split('\n');
    if (port && path) return Number(port);
  }
  throw new Error(`the browser gave no debugging port within ${START_MS} ms`);
}
