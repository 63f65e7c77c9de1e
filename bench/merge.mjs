// Merges what was recorded while two people typed into one text: by the package, and by diff-match-patch, in this one process.
//
//   merge.mjs [FILE] [--json]
//
// FILE   a line for each merge: { base, local, remote, expected }, gzipped; left out: the recording beside the project
// --json the figures once more as an object of JSON, as the last line
//
// SYNCLINE_PKG names the package's folder. Ends with 0 only where every merge comes out exactly, in less time than the other takes.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

import DiffMatchPatch from 'diff-match-patch';

const RECORDED = fileURLToPath(new URL('../../shared/data/friendsforever.merges.jsonl.gz', import.meta.url));
/** Every merge is timed this often, by one and then by the other, behind a round that is not. */
const ROUNDS = 5;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const file = positionals[0] ?? RECORDED;
if (!existsSync(file)) {
  console.log(`skipped: ${file} is not there`);
  process.exit(positionals.length);
}
const merges = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n').map((line) => JSON.parse(line));

const folder = process.env.SYNCLINE_PKG;
const { init, mergeTexts } = await import(pathToFileURL(join(folder, 'index.js')));
await init({ wasm: readFileSync(join(folder, 'syncline_bg.wasm')) });

const dmp = new DiffMatchPatch();
const ways = {
  syncline: ({ base, local, remote }) => mergeTexts(base, local, remote),
  'diff-match-patch': ({ base, local, remote }) => dmp.patch_apply(dmp.patch_make(base, local), remote)[0],
};

const found = Object.fromEntries(
  Object.entries(ways).map(([name, merge]) => [name, { exact: merges.filter((one) => merge(one) === one.expected).length, times: [] }]),
);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, merge] of Object.entries(ways)) {
    const begun = performance.now();
    for (const one of merges) merge(one);
    found[name].times.push((performance.now() - begun) / merges.length);
  }
}
const middle = (times) => times.toSorted((a, b) => a - b)[times.length >> 1];
const figures = Object.entries(found).map(([name, { exact, times }]) => ({ name, exact, total: merges.length, meanMs: Number(middle(times).toFixed(4)) }));
for (const { name, exact, total, meanMs } of figures) console.log(`${name.padEnd(18)} ${exact} of ${total} exactly, ${meanMs} ms a merge`);
const [ours, theirs] = figures;
const isHeld = ours.exact === ours.total && ours.meanMs < theirs.meanMs;
if (values.json) console.log(JSON.stringify({ exact: ours.exact, total: ours.total, meanMs: ours.meanMs, beside: figures.slice(1), rounds: ROUNDS, held: isHeld }));
process.exit(isHeld ? 0 : 1);
