// Kills renderers and whole browsers under load, again and again, in a profile on disk, while the network is cut at random and one to
// six tabs write against the real server. What a page was told is durable has to be at the server exactly once in the end; after a
// reset of the browser's databases only, it may be missing, and then the client has said so.
//
//   crash.mjs [--kills N] [--resets N] [--seed S] [--mirror await] [--json]
//
// --kills   so many kills that count, which are those with a write outstanding that is durable and has not come to the server;
//           a third of them is of the whole browser. Default 300
// --resets  so many of these make a reset, by a changed byte in the browser's own log; others come by themselves, if at all.
//           Default a tenth of the kills
// --seed    of what is killed when, of what is written and of the network's weather. Default 1
// --mirror  `await`: a write is durable when it is mirrored, too
// --json    only whether it held, and the figures as an object of JSON, as the last line
//
// SYNCLINE_SERVER, SYNCLINE_PKG and CHROME name the server's program, the package's folder and the browser's program.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { close, test } from '../package/support/suite.mjs';
import { Conductor } from './crash/conductor.mjs';
import { judge } from './crash/judge.mjs';
import { Kept } from './crash/kept.mjs';
import { Network } from './crash/network.mjs';
import { diceOf, planOf } from './crash/plan.mjs';
import { Profile } from './crash/profile.mjs';
import { Promises } from './crash/promises.mjs';
import { Tabs } from './crash/tabs.mjs';
import { Verdict } from './replay/verdict.mjs';
import { pkg } from './support/places.mjs';
import { startServer } from './support/server.mjs';

const REMOVED = { recursive: true, force: true, maxRetries: 10 };

function options() {
  const text = { type: 'string' };
  const { values } = parseArgs({ options: { kills: text, resets: text, seed: text, mirror: text, json: { type: 'boolean' } } });
  const number = (name, otherwise) => {
    const given = values[name] === undefined ? otherwise : Number(values[name]);
    if (!Number.isSafeInteger(given) || given < 0) throw new Error(`--${name} is a whole number`);
    return given;
  };
  if (![undefined, 'await'].includes(values.mirror)) throw new Error('--mirror is await');
  const kills = number('kills', 300);
  return { kills, resets: number('resets', Math.round(kills / 10)), seed: number('seed', 1), mirror: values.mirror, json: values.json ?? false };
}

/** The whole run, in a folder of its own. */
async function run({ kills, resets, seed, mirror }, folder, verdicts, tell) {
  const dice = diceOf(seed);
  const plan = planOf({ kills, resets }, dice.kills);
  const server = await startServer({ flags: ['--keep-values'] });
  const network = await Network.start(server.url, pkg);
  const profile = new Profile(join(folder, 'profile'), network.origin);
  const kept = new Kept(server.url);
  const promises = new Promises();
  const client = { name: 'crash', scope: 'somebody', ...(mirror ? { storage: { mirror } } : {}) };
  const tabs = new Tabs({ profile, origin: network.origin, options: client, hear: (...said) => conductor.hear(...said) });
  const conductor = new Conductor({ dice, network, profile, tabs, kept, promises, verdict: verdicts.healed, tell });
  const began = performance.now();
  // Whoever ends this run early gets the folder removed, too.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => profile.kill().finally(() => rmSync(folder, REMOVED)).finally(() => process.exit(1)));
  try {
    await conductor.perform(plan);
    const figures = judge({ conductor, promises, kept, verdicts, resets, isAwaited: mirror === 'await' });
    return { ...figures, seconds: Math.round((performance.now() - began) / 1000) };
  } finally {
    await profile.browser?.close();
    await network.stop();
    await server.stop();
  }
}

function held({ broken }) {
  if (broken.length > 0) throw new Error(broken.join('\n'));
}

async function main() {
  const { json, ...asked } = options();
  const tell = (line) => json || console.log(line);
  const folder = mkdtempSync(join(tmpdir(), 'syncline-crash-'));
  const verdicts = { kept: new Verdict(), resets: new Verdict(), healed: new Verdict() };
  try {
    const figures = await run(asked, folder, verdicts, tell);
    for (const [name, value] of Object.entries(figures)) tell(`${name.padEnd(24)} ${JSON.stringify(value)}`);
    await test('l1, l2, s11: what was durable is at the server exactly once and whole, whatever was killed', () => held(verdicts.kept));
    await test('l2, s5: a reset of the store is reported, one that was none is not, and what it took is brought back or counted', () => held(verdicts.resets));
    await test('l1, l2: after kills nothing is said to be on its way that nobody sends, all is sent in the end, and all tabs see the same', () => held(verdicts.healed));
    close();
    const broken = Object.values(verdicts).flatMap((verdict) => verdict.broken);
    if (json) console.log(JSON.stringify({ ...asked, ...figures, held: Object.values(verdicts).reduce((sum, { held }) => sum + held, 0), broken }));
  } finally {
    rmSync(folder, REMOVED);
  }
}

try {
  await main();
} catch (error) {
  console.error(`crash: ${error.stack ?? error}`);
  process.exit(1);
}
