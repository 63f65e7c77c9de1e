// The demo's text area: what was typed as one range, and around what others typed meanwhile.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { root, stage } from './stage.mjs';

const { folder, load } = await stage();
cpSync(join(root, 'www/difference.js'), join(folder, 'difference.js'));
const { difference, together } = await load('difference.js');

const make = (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove);

test('a difference is one range that never splits a surrogate pair', () => {
  for (const [before, after, expected] of [
    ['abc', 'abc', null],
    ['ac', 'abc', { at: 1, remove: 0, insert: 'b' }],
    ['aa', 'aaa', { at: 2, remove: 0, insert: 'a' }],
    ['', 'x', { at: 0, remove: 0, insert: 'x' }],
    ['x', '', { at: 0, remove: 1, insert: '' }],
    ['a😀b', 'a😁b', { at: 1, remove: 2, insert: '😁' }],
    ['😀😀', '😀', { at: 2, remove: 2, insert: '' }],
    ['a\u{1F600}', 'a\u{1F4A0}', { at: 1, remove: 2, insert: '\u{1F4A0}' }],
    ['\u{1F600}z', '\u{1FA00}z', { at: 0, remove: 2, insert: '\u{1FA00}' }],
  ]) {
    assert.deepEqual(difference(before, after), expected, `${before} → ${after}`);
  }
});

test('any two texts: the difference makes one of the other', () => {
  const pieces = ['a', 'b', '😀', '😁', '\u{1FA00}', 'é'];
  let seed = 7;
  const dice = (sides) => (seed = (seed * 48271) % 2147483647) % sides;
  const text = () => Array.from({ length: dice(6) }, () => pieces[dice(pieces.length)]).join('');
  for (let round = 0; round < 20_000; round += 1) {
    const [before, mine, theirs] = [text(), text(), text()];
    const edit = difference(before, mine) ?? { at: 0, remove: 0, insert: '' };
    assert.equal(make(before, edit), mine);
    for (const place of [edit.at, edit.at + edit.remove]) {
      const unit = before.charCodeAt(place);
      assert.ok(!(unit >= 0xdc00 && unit < 0xe000), `${before} split at ${place}`);
    }
    const both = together(before, difference(before, mine), difference(before, theirs));
    assert.ok(both.isWellFormed?.() ?? true, both);
    if (mine === before) assert.equal(both, theirs);
    if (theirs === before) assert.equal(both, mine);
  }
});

test('two edits are both there, theirs first where they touch', () => {
  const both = (before, mine, theirs) => together(before, difference(before, mine), difference(before, theirs));
  assert.equal(both('one two', 'one big two', 'ones two'), 'ones big two');
  assert.equal(both('ab', 'aMb', 'aTb'), 'aTMb');
  assert.equal(both('one two three', 'one three', 'one two twice three'), 'one twice three');
  assert.equal(both('abcdef', 'af', 'abXYef'), 'aXYf');
});
