// What operations do to values, what a draft becomes, and what it costs to read.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { root, stage } from './stage.mjs';

const { load } = await stage();
const { apply } = await load('apply.js');
const { diff } = await load('draft.js');
const { Revision } = await load('revive.js');

const at = (operation) => ({ collection: 'c', key: 'k', ...operation });
const change = (document, ...operations) => apply(document, operations.map(at));

test('what changes is copied, and everything else is shared', () => {
  const before = Revision.of(JSON.parse('{"a":{"x":1},"b":{"y":2},"list":[{"z":3}]}'), 1).read();
  const after = change(before, { op: 'patch', set: { '/a/x': 5 }, remove: [] }, { op: 'append', path: '/list', items: [4] });
  assert.deepEqual(after, { a: { x: 5 }, b: { y: 2 }, list: [{ z: 3 }, 4] });
  assert.deepEqual(before, { a: { x: 1 }, b: { y: 2 }, list: [{ z: 3 }] });
  assert.equal(after.b, before.b);
  assert.equal(after.list[0], before.list[0]);
  assert.notEqual(after.a, before.a);
});

test('everything that is read is frozen', () => {
  const read = Revision.of(JSON.parse('{"a":[{"b":{}}]}'), 1).read();
  const after = change(read, { op: 'patch', set: { '/c': { d: [] } }, remove: [], object: ['/e'] }, { op: 'append', path: '/a', items: [{}] });
  for (const value of [read, read.a[0].b, after, after.c.d, after.e, after.a, after.a[1]]) assert.ok(Object.isFrozen(value));
});

test('i23: __proto__ is a name like any other, and no prototype changes', () => {
  const hostile = JSON.parse('{"__proto__":{"polluted":1}}');
  const put = change(undefined, { op: 'put', value: hostile });
  const set = change({}, { op: 'patch', set: { '/__proto__/polluted': 1 }, remove: [] });
  const made = change({}, { op: 'patch', set: {}, remove: [], object: ['/__proto__', '/constructor'] });
  const within = change(set, { op: 'patch', set: { '/__proto__/more': 2, '/a': 1 }, remove: ['/__proto__/polluted'] });
  assert.equal(JSON.stringify(put), '{"__proto__":{"polluted":1}}');
  assert.equal(JSON.stringify(set), '{"__proto__":{"polluted":1}}');
  assert.equal(JSON.stringify(made), '{"__proto__":{},"constructor":{}}');
  assert.equal(JSON.stringify(within), '{"__proto__":{"more":2},"a":1}');
  for (const value of [put, set, made, within, {}]) {
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(value.polluted, undefined);
  }
  assert.ok(Object.isFrozen(put.__proto__) && !Object.isFrozen(Object.prototype));
  assert.deepEqual(diff({}, hostile), { set: { '/__proto__': { polluted: 1 } }, remove: [] });
  assert.deepEqual(diff(hostile, {}), { set: {}, remove: ['/__proto__'] });
});

test('an operation that does not fit is an error and changes nothing', () => {
  const document = Object.freeze({ text: 'ab', list: Object.freeze([]) });
  for (const operation of [
    { op: 'splice', path: '/text', at: 2, remove: 1, insert: '' },
    { op: 'splice', path: '/list', at: 0, remove: 0, insert: '' },
    { op: 'increment', path: '/text', by: 1 },
    { op: 'append', path: '/text', items: [1] },
    { op: 'append', path: '/list', items: 'x' },
  ]) {
    assert.throws(() => change(document, operation), /does not fit/);
  }
  assert.deepEqual(document, { text: 'ab', list: [] });
});

test('a draft becomes the places that were set and removed, exactly', () => {
  for (const [before, after, set, remove] of [
    [{ a: 1 }, { a: 1 }, {}, []],
    [{ a: 1 }, { a: null }, { '/a': null }, []],
    [{ a: 1, b: 2 }, { b: 2 }, {}, ['/a']],
    [{ a: { b: 1, c: 1 } }, { a: { b: 2, c: 1 } }, { '/a/b': 2 }, []],
    [{ a: { b: 1 } }, { a: {} }, {}, ['/a/b']],
    [{ l: [1, { x: 1 }] }, { l: [1, { x: 2 }] }, { '/l': [1, { x: 2 }] }, []],
    [{ l: [{ x: 1, y: 2 }] }, { l: [{ y: 2, x: 1 }] }, {}, []],
    [{ l: [1] }, { l: { 0: 1 } }, { '/l': { 0: 1 } }, []],
    [{ 'a/b~c': 1 }, { 'a/b~c': 2 }, { '/a~1b~0c': 2 }, []],
    [[1], [2], { '': [2] }, []],
  ]) {
    const patch = diff(before, after);
    assert.deepEqual(patch, { set, remove });
    assert.deepEqual(change(before, { op: 'patch', ...patch }), after);
  }
});

test('a document is frozen and folded when somebody reads it, once', (context) => {
  const freeze = context.mock.method(Object, 'freeze');
  const first = Revision.of({ text: 'a' }, 1);
  const second = first.after([at({ op: 'append', path: '/text', items: 'b' })], 2);
  const third = second.after([at({ op: 'append', path: '/text', items: 'c' })], 3);
  assert.equal(freeze.mock.callCount(), 0);
  assert.deepEqual(third.read(), { text: 'abc' });
  assert.equal(third.read(), third.read());
  assert.equal(freeze.mock.callCount(), 2);
  assert.deepEqual([first.read().text, second.read().text], ['a', 'ab']);
});

test('what nobody reads does not pile up without end', (context) => {
  const freeze = context.mock.method(Object, 'freeze');
  let revision = Revision.of({ text: '' }, 0);
  for (let i = 1; i <= 100_000; i += 1) revision = revision.after([at({ op: 'append', path: '/text', items: 'x' })], i);
  assert.ok(freeze.mock.callCount() > 0, 'it was folded before anybody read it');
  assert.equal(revision.read().text.length, 100_000);
});

