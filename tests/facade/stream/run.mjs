// Streams of the simulator through the facade as it ships. The lines come from `cargo xtask sim --facade N`; the last line
// here says what came of them, and the first difference ends it.
//   ... | node tests/facade/stream/run.mjs [--broken]

import { stageOf } from '../stage.mjs';
import { Difference, Tab } from './tab.mjs';

const broken = process.argv.includes('--broken');
const facade = await stageOf('stream', broken ? { 'apply.js': ['text.slice(0, at) + insert', 'text.slice(0, at + 1) + insert'] } : {});
const shown = { Instance: (await facade.load('instance.js')).Instance, SyncClient: (await facade.load('client.js')).SyncClient };
const { SyncError } = facade.facade;
const gone = new SyncError('CLOSED', 'the tab is gone');

const tally = { runs: 0, turns: 0, compared: 0, differences: 0, first: null };
const tabs = new Map();

/** Takes one turn of one device. */
async function take(line, notices) {
  if (line.ended !== undefined) {
    for (const tab of tabs.values()) await end(tab);
    tabs.clear();
    tally.runs += 1;
    return;
  }
  const [, device] = line.at;
  tally.turns += 1;
  if (line.born) {
    tabs.set(device, new Tab(shown));
  } else if (line.died) {
    const tab = tabs.get(device);
    tabs.delete(device);
    await end(tab);
  } else {
    await tabs.get(device).take(line, notices);
  }
}

async function end(tab) {
  await tab?.end(gone);
  tally.compared += tab?.compared ?? 0;
}

/** What a difference is, and where. */
function tell(line, error) {
  tally.differences += 1;
  const [seed, device, turn] = line.at ?? [line.ended, null, null];
  const { what, shown: has, said } = error instanceof Difference ? error : { what: `the facade threw: ${error?.stack ?? error}`, shown: null, said: null };
  tally.first = { seed, device, turn, what, shown: has, said };
  console.error(`seed ${seed}, device ${device}, turn ${turn}: ${error instanceof Difference ? error.message : what}`);
}

async function* lines(input) {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const found = (rest + chunk).split('\n');
    rest = found.pop();
    yield* found;
  }
}

// What a promise throws that nobody awaits is a difference too.
let stray = null;
process.on('unhandledRejection', (error) => (stray ??= error));

let line = null;
for await (const text of lines(process.stdin)) {
  if (line === null) {
    line = JSON.parse(text);
    continue;
  }
  try {
    await take(line, text);
    if (stray) throw stray;
  } catch (error) {
    tell(line, error);
    break;
  }
  line = null;
}
console.log(JSON.stringify(tally));
process.exit(tally.differences > 0 ? 1 : 0);
