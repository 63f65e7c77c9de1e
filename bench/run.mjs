// Measures Syncline beside its peers in headless Chromium and prints a table;
// README.md says what each figure means.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { cp, mkdtemp, stat } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

import { startArm, Unable } from './arm.mjs';
import { killAll, launch } from './chromium.mjs';
import { rowResult, table } from './results.mjs';
import { scenarios } from './scenarios.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PEERS = ['floor', 'replicache', 'dexie', 'syncline'];
const FULL = { documents: 10_000, samples: 30, rounds: 5 };
const QUICK = { documents: 1_000, samples: 10, rounds: 1 };

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'string' },
    rounds: { type: 'string' },
    documents: { type: 'string' },
  },
});
const scale = options.quick ? QUICK : FULL;
scale.documents = whole('documents');
const rounds = whole('rounds');
const chosen = choose('--only', scenarios(scale), options.only, ({ name }) => name);
const asked = choose('--peers', PEERS, options.peers, (name) => name);

const packageDirectory = resolve(process.env.SYNCLINE_PKG ?? join(HERE, '..', 'pkg'));
const executable = process.env.CHROME ?? '/usr/bin/chromium';
const notMeasured = {};
if (asked.includes('syncline') && !(await exists(join(packageDirectory, 'package.json')))) {
  notMeasured.syncline = 'no package there; SYNCLINE_PKG names the directory of the built one';
}
const peers = asked.filter((peer) => !(peer in notMeasured));

const work = await mkdtemp(join(HERE, '.work-'));
const clear = () => rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    killAll();
    clear();
    process.exit(1);
  });
}
let server = null;
try {
  const bundle = await bundled(work, peers);
  server = await startServer(bundle);
  const results = await measureAll(server.address, work);
  process.stdout.write(`${table(results)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(results)}\n`);
  process.exitCode = results.verified ? 0 : 1;
} finally {
  server?.end();
  clear();
}

async function measureAll(address, profiles) {
  const machine = {
    cores: availableParallelism(),
    processor: cpus()[0].model,
    chromium: await chromiumVersion(profiles),
    // What else ran: the load of the last minute before the first measurement.
    load: loadavg()[0],
  };
  const found = {};
  let verified = true;
  for (const { name, rows, measure } of chosen) {
    const cells = Object.fromEntries(Object.keys(rows).map((row) => [row, Object.fromEntries(peers.map((peer) => [peer, []]))]));
    const over = new Set();
    for (let round = 0; round < rounds; round += 1) {
      for (const peer of rotated(peers, round).filter((one) => !over.has(one))) {
        const outcome = await measureOnce({ peer, address, profiles, measure, rows });
        for (const row of Object.keys(rows)) cells[row][peer].push(outcome[row]);
        const told = Object.entries(outcome).map(([row, { ms, unable, error }]) => `${row} ${error ?? unable ?? ms.toFixed(2)}`);
        process.stderr.write(`${name}, round ${round + 1} of ${rounds}, ${peer}: ${told.join(', ')}\n`);
        const [{ unable, error }] = Object.values(outcome);
        if (error !== undefined) verified = false;
        if ((unable ?? error) !== undefined) over.add(peer);
      }
    }
    for (const [row, title] of Object.entries(rows)) found[row] = rowResult(title, cells[row]);
  }
  return { machine, ...scale, rounds, quick: options.quick, peers, notMeasured, verified, scenarios: found };
}

/** One arm once, in a fresh profile, with an empty server. */
async function measureOnce({ peer, address, profiles, measure, rows }) {
  const forAllRows = (cell) => Object.fromEntries(Object.keys(rows).map((row) => [row, cell]));
  await fetch(`${address}/bench/reset`, { method: 'POST' });
  const arm = await startArm({ peer, address, executable, profiles });
  try {
    return await measure(arm);
  } catch (error) {
    return forAllRows(error instanceof Unable ? { unable: error.message } : { error: error.message.split('\n')[0] });
  } finally {
    await arm.remove();
  }
}

async function bundled(directory, names) {
  const outdir = join(directory, 'bundle');
  await build({
    entryPoints: [
      { in: join(HERE, 'browser/page.mjs'), out: 'page' },
      ...names.map((name) => ({ in: join(HERE, `browser/peers/${name}.mjs`), out: name })),
    ],
    outdir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'chrome120',
    define: { 'process.env.NODE_ENV': '"production"' },
    // The package as it ships, wasm beside it, not bundled again.
    external: ['/syncline/*'],
    logLevel: 'warning',
  });
  await cp(join(HERE, 'browser/page.html'), join(outdir, 'page.html'));
  return outdir;
}

async function startServer(bundle) {
  const child = spawn(process.execPath, [join(HERE, 'server.mjs'), bundle, packageDirectory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the server ended at once, code ${code}`))),
  ]);
  return { address: JSON.parse(line).address, end: () => child.stdin.end() };
}

async function chromiumVersion(directory) {
  const browser = await launch(executable, join(directory, 'version'));
  await browser.close();
  return browser.version;
}

function whole(name) {
  const number = Number(options[name] ?? scale[name]);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} takes a whole number from 1, not ${options[name]}`);
  return number;
}

function choose(flag, list, wanted, nameOf) {
  if (wanted === undefined) return list;
  const names = wanted.split(',');
  const unknown = names.filter((name) => !list.some((item) => nameOf(item) === name));
  if (unknown.length > 0) throw new Error(`${flag}: no ${unknown.join(', ')}; there are ${list.map(nameOf).join(', ')}`);
  return list.filter((item) => names.includes(nameOf(item)));
}

function rotated(list, by) {
  const shift = by % list.length;
  return [...list.slice(shift), ...list.slice(0, shift)];
}

async function exists(path) {
  return (await stat(path).catch(() => null)) !== null;
}
