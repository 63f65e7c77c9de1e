// A browser as a user has it: a profile on disk, and a process that can be killed with all that it has not written.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { QUIET, until } from './browser.mjs';
import { chrome } from './places.mjs';

/** A profile with nothing in it. */
export function newProfile() {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-profile-'));
  return {
    folder,
    /** Starts a browser with it. */
    start: () => start(folder),
    /** The databases of all pages are gone, as after a kill that the browser could not mend. */
    loseDatabases: () => rmSync(join(folder, 'Default/IndexedDB'), { recursive: true }),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}

async function start(folder) {
  const told = join(folder, 'DevToolsActivePort');
  rmSync(told, { force: true });
  const flags = ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${folder}`, ...QUIET];
  // A group of its own: the browser and all its children.
  const child = spawn(chrome, flags, { detached: true, stdio: 'ignore' });
  const gone = once(child, 'exit');
  const end = () => child.exitCode === null && child.signalCode === null && process.kill(-child.pid, 'SIGKILL');
  process.once('exit', end);
  const port = await until('the browser listens', () => existsSync(told) && readFileSync(told, 'utf8').split('\n')[0]);
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  const [context] = browser.contexts();
  const ended = async () => {
    await gone;
    process.removeListener('exit', end);
  };
  return {
    context,
    /** Ends it at once, wherever it is. */
    async kill() {
      end();
      await ended();
    },
    /** Ends it as its user would. */
    async quit() {
      const devtools = await browser.newBrowserCDPSession();
      await devtools.send('Browser.close').catch(() => {});
      await ended();
    },
  };
}
