// Texts that go to the module in part come back as those that go there whole.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { entry, file } from './support/package.mjs';
import { close, test } from './support/suite.mjs';

const { init, mergeTexts } = await import(entry);
await init({ wasm: readFileSync(file('syncline_bg.wasm')) });
const { mergeTexts: merge } = await import(new URL('./syncline.js', entry));
const encoder = new TextEncoder();
const whole = (...texts) => merge(...texts.map((text) => encoder.encode(text)));

let state = 1;
const draw = (below) => (state = (state * 48271) % 2147483647) % below;
const PIECES = ['a', 'b', 'word', ' ', ' ', '\n', '\r\n', '😀', 'e\u0301', '\u0301', '🇩🇪', 'ß'];
const text = (most) => Array.from({ length: draw(most) }, () => PIECES[draw(PIECES.length)]).join('');
/** The text with a few places of it changed, each between two units that may be parted. */
const edited = (whole) => {
  let pieces = [...whole];
  for (let edits = draw(4); edits > 0; edits -= 1) pieces.splice(draw(pieces.length + 1), draw(3), ...text(3));
  return pieces.join('');
};

await test('what is merged does not depend on what the texts have in common', () => {
  for (let round = 0; round < 20_000; round += 1) {
    const base = text(40);
    const [local, remote] = [edited(base), edited(base)];
    assert.equal(mergeTexts(base, local, remote), whole(base, local, remote), JSON.stringify([base, local, remote]));
  }
});

await test('both changes are there', () => {
  assert.equal(mergeTexts('one two', 'one! two', 'one two?'), 'one! two?');
});

close();
