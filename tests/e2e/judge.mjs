// The judge of `crash.mjs`, on histories that are wrong on purpose: what it would not notice, a run could not show.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { close, test } from '../package/support/suite.mjs';
import { judge } from './crash/judge.mjs';
import { Kept } from './crash/kept.mjs';
import { Promises } from './crash/promises.mjs';
import { card } from './crash/writes.mjs';
import { Verdict } from './replay/verdict.mjs';

const PUT = { mark: 'm1-1', kind: 'put', collection: 'cards', key: 'c1' };
const APPEND = { mark: 'm1-2', kind: 'append', collection: 'ledgers', key: 'b0-0' };
const SPLICE = { mark: 'm1-3', kind: 'splice', collection: 'texts', key: 'b0-0' };
const COUNT = { mark: 'm1-4', kind: 'increment', collection: 'ledgers', key: 'b0-0' };
const GROUP = { mark: 'm1-5', kind: 'group', collection: 'pairs', keys: ['l', 'r'] };
const DELETE = { mark: 'm1-6', kind: 'delete', collection: 'briefs', key: 'd' };

const commit = (collection, key, value) => ({ collection, key, value: value === null ? null : JSON.stringify(value) });
const WHOLE = [
  commit('cards', 'c1', card('m1-1')),
  commit('ledgers', 'b0-0', { marks: ['m1-2'], count: 1 }),
  commit('texts', 'b0-0', { text: '..<m1-3>.' }),
  [commit('pairs', 'l', card('m1-5')), commit('pairs', 'r', card('m1-5'))],
  commit('briefs', 'd', card('m1-7')),
  commit('briefs', 'd', null),
];
const WRITES = [PUT, APPEND, SPLICE, COUNT, GROUP, DELETE];

/** The verdicts on a run whose pages were promised all writes, and whose server has this history. */
async function judged(history, { heard = (promises) => WRITES.forEach(({ mark }) => promises.hear({ mark, durable: 'strict' })), resets = [], lives = [{ wasReset: false, reports: [] }], isAwaited = false } = {}) {
  const rows = history.flatMap((commits, at) => [commits].flat().map((one) => ({ seq: at + 1, ...one }))).map((one, at) => ({ row: at + 1, ...one }));
  const server = createServer((asked, answer) => answer.end(JSON.stringify(rows))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kept = new Kept(`http://127.0.0.1:${server.address().port}`);
  await kept.read();
  server.close();
  const promises = new Promises();
  promises.issue(WRITES, 1);
  heard(promises);
  const verdicts = { kept: new Verdict(), resets: new Verdict() };
  const risks = resets.map((reset) => reset(promises, kept));
  const conductor = { figures: { resets: { natural: risks.length, made: 0 }, restartMs: [] }, resets: risks, lives };
  const figures = judge({ conductor, promises, kept, verdicts, resets: 0, isAwaited });
  return { figures, kept: verdicts.kept.broken, resets: verdicts.resets.broken };
}

const without = (at) => WHOLE.filter((_, index) => index !== at);

await test('a history as it should be passes', async () => {
  const { figures, kept, resets } = await judged(WHOLE);
  assert.deepEqual([kept, resets], [[], []]);
  assert.deepEqual([figures.durable, figures.appliedOnce, figures.lost, figures.doubled], [6, 6, 0, 0]);
});

await test('whatever is missing is lost', async () => {
  const missing = [without(0), without(1), without(2), without(3), without(5), WHOLE.with(1, commit('ledgers', 'b0-0', { marks: ['m1-2'], count: 0 }))];
  for (const history of missing) {
    const { figures, kept } = await judged(history);
    assert.equal(kept.length, 1);
    assert.match(kept[0], /where there was no reset/);
    assert.ok(figures.lost > 0);
  }
});

await test('what nobody was told is durable may be missing', async () => {
  const { figures, kept } = await judged([], { heard: () => {} });
  assert.deepEqual([kept, figures.lost, figures.issued], [[], 0, 6]);
});

await test('whatever is there twice is noticed', async () => {
  const twice = [
    [...WHOLE, WHOLE[0]],
    [...WHOLE, WHOLE[3]],
    [...WHOLE, WHOLE[4], WHOLE[5]],
    [...WHOLE, commit('ledgers', 'b0-0', { marks: ['m1-2', 'm1-2'], count: 1 })],
    [...WHOLE, commit('ledgers', 'b0-0', { marks: ['m1-2'], count: 2 })],
    [...WHOLE, commit('texts', 'b0-0', { text: '<m1-3>.<m1-3>.' })],
  ];
  for (const history of twice) {
    const { figures, kept } = await judged(history);
    assert.deepEqual([kept.length, figures.doubled], [1, 1]);
    assert.match(kept[0], /twice/);
  }
});

await test('what is torn is noticed, in between, too', async () => {
  const torn = [
    [commit('cards', 'c1', { ...card('m1-1'), body: 'else' }), ...WHOLE.slice(1)],
    [...WHOLE, commit('texts', 'b0-0', { text: '<m1-3>m1' })],
    [commit('ledgers', 'b0-0', { marks: [7], count: 0 }), ...WHOLE],
    [...without(3), WHOLE[3][0], WHOLE[3][1]],
  ];
  for (const history of torn) {
    const { kept } = await judged(history);
    assert.ok(kept.some((sentence) => /every value is whole/.test(sentence)), kept.join());
  }
});

await test('a write that ended otherwise and a strange word are noticed, and what is in memory only is no promise', async () => {
  const { figures } = await judged(without(0), { heard: (promises) => promises.hear({ mark: 'm1-1', durable: 'memory' }) });
  assert.deepEqual([figures.inMemory, figures.durable, figures.lost], [1, 0, 0]);
  for (const said of [{ mark: 'm1-1', ending: 'unknown' }, { mark: 'm1-1', thrown: 'QUEUE_FULL' }]) {
    assert.equal((await judged(WHOLE, { heard: (promises) => promises.hear(said) })).kept.length, 1, JSON.stringify(said));
  }
});

await test('a reset without a report, a report without a reset and one that is told twice are noticed', async () => {
  const report = { reset: true, recovered: 0, lost: 0 };
  const wrong = [
    { wasReset: true, reports: [] },
    { wasReset: true, reports: [{ reset: false }] },
    { wasReset: false, reports: [report] },
    { wasReset: true, reports: [report, report] },
  ];
  for (const life of wrong) assert.equal((await judged(WHOLE, { lives: [life] })).resets.length, 1, JSON.stringify(life));
  assert.deepEqual((await judged(WHOLE, { lives: [{ wasReset: true, reports: [report] }] })).resets, []);
});

await test('what a reset took is counted as its report says, and comes back', async () => {
  const after = (report) => {
    const reports = [{ reset: true, ...report }];
    const reset = (promises) => {
      const risked = promises.reset(Date.now() + 1_000);
      return { at: Date.now() + 1_000, risked, missing: risked.filter(({ mark }) => mark === 'm1-1'), unheard: [], reports };
    };
    return { resets: [reset], lives: [{ wasReset: true, reports }] };
  };
  const of = async (history, report, isAwaited) => (await judged(history, { ...after(report), isAwaited })).resets;
  assert.deepEqual(await of(WHOLE, { recovered: 1, lost: 0 }, true), []);
  assert.match((await of(WHOLE, { recovered: 0, lost: 0 }, true)).join(), /says that 0 came back/);
  assert.match((await of(WHOLE, { recovered: 1, lost: 1 }, true)).join(), /1 are lost, and 0 are/);
  assert.match((await of(without(0), { recovered: 0, lost: 1 }, true)).join(), /all writes come back: 0 of 1/);
  assert.match((await of(without(0), { recovered: 0, lost: 1 }, false)).join(), /99 % come back: 0 of 1/);
  assert.match((await of(without(0), { recovered: 0, lost: 0 }, false)).join(), /0 are lost, and 1 are/);
  assert.match((await of(WHOLE, { recovered: 1, lost: null }, true)).join(), /nobody knows how many/);
  assert.deepEqual(await of(WHOLE, { recovered: 1, lost: null }, false), []);
  const { kept } = await judged(without(0), after({ recovered: 0, lost: 1 }));
  assert.deepEqual(kept, [], 'it is not lost without a reset');
});

close();
