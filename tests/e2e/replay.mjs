// Types a recorded editing session, edit by edit, as splices of one document, in a real browser against the real server, while
// replies are lost, the server is stopped and started three times, and the page is reloaded twice in the middle. Then it looks
// into the server's file: what is there has to be the recording's end, and every text that was ever committed has to be one
// that was on the page, in order.
//
// A recording of two is typed by two, each in a browser of its own, while replies are lost or late, one of them is cut off, a page is
// reloaded, or the server is killed. Then both and the server have to have the same text, with just the characters that are in the
// recording's end; each is one of its own, so that none can be taken for another.
//
//   replay.mjs [FILE | --seed N | --together] [--astral] [--slice N] [--json]
//
// FILE     a recording; left out: a real one where there is one beside the project, else one made up from a seed
// --seed   a recording made up from this seed
// --together the real recording of two, where it is there
// --astral letters become characters outside the basic plane and combining sequences
// --slice  only the first N patches
// --json   the figures once more as an object of JSON, as the last line
//
// SYNCLINE_SERVER, SYNCLINE_PKG and CHROME name the server's program, the package's folder and the browser's program.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { launch } from './replay/browser.mjs';
import { concurrent, isConcurrent } from './replay/concurrent.mjs';
import { Conductor } from './replay/conductor.mjs';
import { duet } from './replay/duet.mjs';
import { generated } from './replay/generated.mjs';
import { kept } from './replay/kept.mjs';
import { planOf } from './replay/plan.mjs';
import { read, Recording } from './replay/recording.mjs';
import { Server } from './replay/server.mjs';
import { placed, Verdict } from './replay/verdict.mjs';

const REAL = fileURLToPath(new URL('../../../shared/data/sveltecomponent.json.gz', import.meta.url));
const OF_TWO = fileURLToPath(new URL('../../../shared/data/friendsforever.json.gz', import.meta.url));
/** How long a recording is that is made up without a slice being asked for. */
const GENERATED_EDITS = 10_000;

const tell = (line) => console.log(line);

/** The recording that the command line asks for, and its name. */
async function chosen({ file, seed, slice }) {
  if (file !== undefined) return { name: basename(file), trace: await read(file) };
  if (seed === undefined && existsSync(REAL)) return { name: basename(REAL), trace: await read(REAL) };
  if (seed === undefined) tell('skipped: the real recordings, which are missing; one made up from a seed takes their place');
  // An edit has at least one patch, so this is never too short.
  return { name: `made up from seed ${seed ?? 1}`, trace: generated(seed ?? 1, slice ?? GENERATED_EDITS) };
}

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { astral: { type: 'boolean' }, together: { type: 'boolean' }, slice: { type: 'string' }, seed: { type: 'string' }, json: { type: 'boolean' } },
  });
  const number = (name) => {
    if (values[name] === undefined) return undefined;
    const given = Number(values[name]);
    if (!Number.isSafeInteger(given) || given < 1) throw new Error(`--${name} is a whole number, 1 or more`);
    return given;
  };
  if (positionals.length > 1) throw new Error('one recording at a time');
  if (positionals.length === 1 && values.seed !== undefined) throw new Error('a FILE or a --seed, not both');
  if (values.together && (positionals.length === 1 || values.seed !== undefined)) throw new Error('--together is a recording of its own');
  return { file: values.together ? OF_TWO : positionals[0], isTogether: values.together ?? false, isAstral: values.astral ?? false, slice: number('slice'), seed: number('seed'), json: values.json ?? false };
}

/** What the caller has made ready. */
function stage() {
  const ready = (name) => process.env[name] ?? fail(`${name} is not set: \`cargo xtask replay\` does that`);
  return { program: ready('SYNCLINE_SERVER'), package: ready('SYNCLINE_PKG'), executable: ready('CHROME') };
}

function fail(sentence) {
  throw new Error(sentence);
}

/** The whole run in a folder of its own. Gives the figures; what has to hold is in the verdict. */
async function run({ executable, ...programs }, recording, folder, verdict) {
  const plan = planOf(recording.splices.length);
  const server = new Server({ ...programs, database: join(folder, 'data.sqlite') });
  await server.start();
  const { page, wire, close } = await launch({ executable, profile: join(folder, 'profile') });
  const began = performance.now();
  let figures;
  try {
    figures = await new Conductor({ server, page, wire, recording, plan, verdict, tell }).perform();
  } finally {
    await close();
  }
  const seconds = (performance.now() - began) / 1000;
  const counters = await server.counters();
  await server.stop();
  await server.start();
  const { positions, texts, documents } = await kept(server, wire.scope);
  await server.stop();

  verdict.must(wire.errors.length === 0, `nothing was thrown in the page: ${wire.errors[0]}`);
  verdict.must(documents.length === 1 && documents[0].value?.text === recording.end, "the value in the server's file equals the recording's end");
  verdict.must(texts.at(-1) === recording.end, 'the last committed value equals it too');
  verdict.must(positions.every((position, index) => position === index + 1), 'every committed value was kept');
  const { patches, stray } = placed(texts, recording.texts());
  verdict.must(stray === undefined, `each committed value is the text after some patch, at increasing patches (value ${stray} of ${texts.length} is not, behind patch ${patches.at(-1)})`);
  verdict.must(figures.entriesAcknowledged >= plan.least.acknowledged, `at least ${plan.least.acknowledged} entries are acknowledged (${figures.entriesAcknowledged})`);
  verdict.must(wire.sentAgain >= plan.least.sentAgain, `at least ${plan.least.sentAgain} entries are sent again after a lost reply (${wire.sentAgain})`);
  verdict.must(counters.replays >= plan.least.sentAgain, `at least ${plan.least.sentAgain} of those sent again were committed before (${counters.replays})`);
  return {
    edits: recording.edits,
    patches: recording.splices.length,
    entriesCommitted: texts.length,
    entriesAcknowledged: figures.entriesAcknowledged,
    entriesSent: figures.entriesSent,
    entriesSentAgain: figures.entriesResent,
    entriesSentAgainAfterLostReply: wire.sentAgain,
    entriesAnsweredAgain: counters.replays,
    requests: wire.requests,
    requestsUnanswered: wire.unanswered,
    bytesUp: wire.bytesUp,
    bytesDown: wire.bytesDown,
    seconds: Math.round(seconds * 10) / 10,
  };
}

function print(figures) {
  const number = (value) => value.toLocaleString('en-US');
  const { edits, patches, seconds } = figures;
  tell(`edits    ${number(edits)} of ${number(patches)} patches`);
  tell(`entries  ${number(figures.entriesCommitted)} committed, ${number(figures.entriesAcknowledged)} acknowledged`);
  tell(`         ${number(figures.entriesSentAgain)} sent again, ${number(figures.entriesSentAgainAfterLostReply)} after a lost reply; ${number(figures.entriesAnsweredAgain)} had been committed before`);
  tell(`requests ${number(figures.requests)}, ${number(figures.requestsUnanswered)} of them unanswered`);
  tell(`bytes    ${number(figures.bytesUp)} up, ${number(figures.bytesDown)} down`);
  tell(`time     ${seconds} s, ${number(Math.round(patches / seconds))} patches a second`);
}

/** A recording of two, in two browsers. */
async function both({ executable, ...programs }, name, recording, json) {
  tell(`${name}: ${recording.edits.length} edits of two, ${recording.survivors.length} characters at the end`);
  const folder = await mkdtemp(join(tmpdir(), 'syncline-replay-'));
  const verdict = new Verdict();
  const server = new Server({ ...programs, database: join(folder, 'data.sqlite') });
  const figures = await duet({ server, executable, folder, recording, verdict, tell });
  const { characters, inOrder, merged, wrong, requests, seconds } = figures;
  tell(`order    ${inOrder} of ${characters} characters stand as recorded`);
  tell(`merging  ${merged} splices were merged; wrong were ${Object.entries(wrong).map(([fault, times]) => `${fault} ${times}`).join(', ')}`);
  tell(`time     ${seconds} s, ${requests} requests`);
  verdict.broken.forEach((sentence) => tell(`DID NOT HOLD: ${sentence}`));
  const holds = verdict.broken.length === 0;
  tell(holds ? `all ${verdict.held} promises held` : `${verdict.broken.length} promises did not hold; the server's file is in ${folder}`);
  if (json) console.log(JSON.stringify({ recording: name, ...figures, held: verdict.held, broken: verdict.broken }));
  if (holds) await rm(folder, { recursive: true });
  process.exitCode = holds ? 0 : 1;
}

async function main() {
  const { json, isAstral, isTogether, slice, ...which } = options();
  if (isTogether && !existsSync(OF_TWO)) return tell('skipped: the real recording of two is missing');
  const programs = stage();
  const { name, trace } = await chosen({ ...which, slice });
  if (isConcurrent(trace)) return both(programs, name, concurrent(trace, slice), json);
  const recording = new Recording(trace, { isAstral, slice });
  tell(`${name}${isAstral ? ', astral' : ''}: ${recording.edits} edits, ${recording.splices.length} patches, ${recording.end.length} units at the end`);
  const folder = await mkdtemp(join(tmpdir(), 'syncline-replay-'));
  const verdict = new Verdict();
  const remains = `the server's file and the browser's profile are in ${folder}`;
  const figures = await run(programs, recording, folder, verdict).catch((error) => {
    tell(remains);
    throw error;
  });
  print(figures);
  verdict.broken.forEach((sentence) => tell(`DID NOT HOLD: ${sentence}`));
  const holds = verdict.broken.length === 0;
  tell(holds ? `all ${verdict.held} promises held` : `${verdict.broken.length} promises did not hold; ${remains}`);
  if (json) console.log(JSON.stringify({ recording: name, astral: isAstral, ...figures, held: verdict.held, broken: verdict.broken }));
  if (holds) await rm(folder, { recursive: true });
  process.exitCode = holds ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(`replay: ${error.stack ?? error}`);
  process.exit(1);
}
