// What reads the simulator's streams finds what is wrong in them, and where.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { root } from './stage.mjs';

const address = { collection: 'notes', key: '1' };
const status = { phase: 'idle', online: true, storage: 'indexeddb', error: null, retryAt: null, lastPushAt: null, lastPullAt: null, stale: null };
const value = (text) => ({ notice: 'changed', address, change: { change: 'value', value: { text } } });
const splice = { op: 'splice', path: '/text', at: 1, remove: 0, insert: 'X' };
const wrote = { notice: 'changed', address, change: { change: 'operations', operations: [splice] } };
const put = ['write', 'm1', [['notes/1', { splice: { path: '/text', at: 1, remove: 0, insert: 'X' } }]], [], [], {}];

/** A stream in which all is well: a tab opens, looks at a document, and writes. */
const good = () => [
  [{ born: true }, []],
  [{ opened: JSON.stringify([{ notice: 'status', ...status }]), status }, [{ notice: 'opened', client: 'c' }]],
  [{ call: ['hold', 'notes/1'], documents: { 'notes/1': '{"text":"ab"}' } }, [value('ab')]],
  [{ call: ['watch', 'notes/1', null] }, []],
  [{ call: put, documents: { 'notes/1': '{"text":"aXb"}' } }, [wrote]],
  [{ settled: [['m1', 'applied', null]] }, [{ notice: 'durable', mutations: ['m1'], durability: 'strict' }, { notice: 'settled', mutation: 'm1', ending: { ending: 'applied' } }]],
  [{ ended: 7 }, []],
];

function run(stream, ...options) {
  const lines = stream.flatMap(([line, notices], turn) => [JSON.stringify('ended' in line ? line : { ...line, at: [7, 0, turn] }), JSON.stringify(notices)]);
  const { stdout, status: code } = spawnSync('node', [join(root, 'tests/facade/stream/run.mjs'), ...options], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  return { code, ...JSON.parse(stdout) };
}

/** The good stream with one turn made otherwise. */
function but(at, change) {
  const stream = good();
  change(...stream[at], stream[at]);
  return stream;
}

test('a stream in which all is well has no difference', () => {
  const { code, runs, turns, compared, differences } = run(good());
  assert.deepEqual({ code, runs, turns, compared, differences }, { code: 0, runs: 1, turns: 6, compared: 2, differences: 0 });
});

const planted = [
  ['a facade that applies an operation wrong', 4, /document notes\/1/, good(), '--broken'],
  ['a document of which no notice told', 4, /document notes\/1/, but(4, (line) => (line.documents['notes/1'] = '{"text":"axb"}'))],
  ['a document that was not told of', 4, /document notes\/1/, but(4, (line, notices) => notices.splice(0))],
  ['another status', 1, /the status/, but(1, (line) => (line.status = { ...status, phase: 'pushing' }))],
  ['an ending that nobody was told of', 5, /what has ended/, but(5, (line, notices) => notices.pop())],
  ['an ending of another kind', 5, /what has ended/, but(5, (line) => (line.settled[0][1] = 'cancelled'))],
  ['a call that the facade does not make', 3, /a call/, but(3, (line) => (line.call = ['hold', 'notes/1']))],
  ['a status of a document', 3, /status of notes/, but(3, (line, notices) => {
    Object.assign(line, { call: ['observe', 'notes/1'], items: { 'notes/1': { state: 'synced', lastSync: null } } });
    notices.push({ notice: 'item', address, state: 'pending', lastSync: null });
  })],
  ['an inbox that was not told of', 3, /the inbox/, but(3, (line) => (line.inbox = [[{ entry: 'e', ending: 'rejected', at: 1, error: { code: 'REJECTED', message: 'no' } }, { documents: [address] }]]))],
];

for (const [name, turn, what, stream, ...options] of planted) {
  test(`found: ${name}`, () => {
    const found = run(stream, ...options);
    assert.equal(found.code, 1);
    assert.deepEqual([found.differences, found.first.seed, found.first.device, found.first.turn], [1, 7, 0, turn]);
    assert.match(found.first.what, what);
  });
}
