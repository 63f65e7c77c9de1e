// The parts of the replay that decide whether it held, tried on texts where the right answer is known.

import assert from 'node:assert/strict';

import { astral } from './replay/astral.mjs';
import { concurrent, inOrder, isConcurrent } from './replay/concurrent.mjs';
import { generated } from './replay/generated.mjs';
import { planOf } from './replay/plan.mjs';
import { random } from './replay/random.mjs';
import { Recording } from './replay/recording.mjs';
import { Text } from './replay/text.mjs';
import { placed } from './replay/verdict.mjs';
import { close, test } from '../package/support/suite.mjs';

const applied = (text, [at, remove, insert]) => text.slice(0, at) + insert + text.slice(at + remove);

await test('positions in characters become positions in UTF-16 units', () => {
  const text = new Text([...'a😀b😀c']);
  assert.deepEqual(text.splice(2, 1, ['x', 'y']), [3, 1, 'xy']);
  assert.deepEqual(text.splice(1, 1, []), [1, 2, '']);
  assert.deepEqual(text.splice(3, 2, ['e\u0301']), [3, 3, 'e\u0301']);
  assert.equal(text.toString(), 'axye\u0301');
  assert.throws(() => text.splice(5, 0, []), RangeError);
  assert.throws(() => text.splice(3, 2, []), RangeError);
});

await test('a long text and a plain array of characters agree on thousands of edits', () => {
  const drawn = random(7);
  const plain = [];
  const text = new Text(plain);
  let shown = '';
  let longest = 0;
  for (let edit = 0; edit < 4_000; edit += 1) {
    const at = drawn.below(plain.length + 1);
    const remove = drawn.below(4) === 0 ? drawn.below(Math.min(plain.length - at, 3_000) + 1) : 0;
    const insert = Array.from({ length: drawn.below(50) === 0 ? 5_000 : drawn.below(3) }, () => ['a', '😀', '𠁥\u0301'][drawn.below(3)]);
    shown = applied(shown, text.splice(at, remove, insert));
    plain.splice(at, remove, ...insert);
    longest = Math.max(longest, plain.length);
  }
  assert.ok(longest > 5_000 && plain.length > 0);
  assert.equal(text.toString(), plain.join(''));
  assert.equal(shown, plain.join(''));
});

await test('a letter always becomes the same, and no two letters become the same', () => {
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüßéжשي東'];
  const mapped = letters.map(astral);
  assert.deepEqual(mapped, letters.map(astral));
  assert.equal(new Set(mapped).size, letters.length);
  assert.deepEqual(new Set(mapped.map((text) => text.length)), new Set([2, 3]));
  assert.ok(mapped.some((text) => /^\p{L}\p{M}$/u.test(text)) && mapped.some((text) => [...text].length === 1));
  assert.ok(mapped.every((text) => text.isWellFormed()));
  assert.equal([...'1 {}→\n😀\u0301'].map(astral).join(''), '1 {}→\n😀\u0301');
});

await test('a recording leads to its end, whole and in slices, plain and astral', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const trace = generated(seed, 400);
    for (const isAstral of [false, true]) {
      const whole = new Recording(trace, { isAstral });
      assert.equal(whole.splices.reduce(applied, whole.start), whole.end);
      assert.equal(whole.edits, 400);
      assert.ok(whole.splices.every(([, , insert]) => insert.isWellFormed()));
      const cut = new Recording(trace, { isAstral, slice: 123 });
      assert.deepEqual(cut.splices, whole.splices.slice(0, 123));
      assert.equal(cut.end, whole.textAfter(123));
      assert.equal([...cut.texts()].length, 124);
    }
  }
});

await test('of two who typed at once, each edit says what it means in any text', () => {
  // One writes abc; then, at once, the other takes b away and writes X there, and the first writes Y at the end.
  const txns = [
    { agent: 0, parents: [], patches: [[0, 0, 'abc']] },
    { agent: 1, parents: [0], patches: [[1, 1, 'X']] },
    { agent: 0, parents: [0], patches: [[3, 0, 'Y']] },
    { agent: 1, parents: [1, 2], patches: [[4, 0, '!']] },
  ];
  const { edits, survivors, order, place } = concurrent({ txns, endContent: 'aXcY!' });
  const [a, b, c, x, y, end] = Array.from({ length: 6 }, (_, at) => String.fromCodePoint(0xf0000 + at));
  assert.deepEqual(edits.map(({ agent, needs }) => [agent, needs]), [[0, 0], [1, 1], [0, 0], [1, 2]]);
  assert.deepEqual(edits.flatMap(({ steps }) => steps), [[null, '', a + b + c], [a, b, x], [c, '', y], [y, '', end]]);
  assert.deepEqual(survivors, [a, x, c, y, end]);
  assert.deepEqual(order.filter((character) => character !== b), survivors);
  assert.equal(inOrder([c, a, x], place), 2);
  assert.throws(() => concurrent({ txns, endContent: 'aXc!Y' }), /own end/);
  assert.ok(isConcurrent({ txns }) && !isConcurrent(generated(1, 3)));
});

await test('what is made up is the same for the same seed, and has what makes texts difficult', () => {
  const trace = generated(3, 2_000);
  assert.deepEqual(trace, generated(3, 2_000));
  assert.notDeepEqual(trace, generated(4, 2_000));
  const patches = trace.txns.flatMap(({ patches }) => patches);
  assert.ok(patches.some(([, remove]) => remove > 20) && patches.some(([, , insert]) => insert.length > 100));
  assert.ok(trace.txns.some(({ patches }) => patches.length > 1));
  assert.ok([...trace.endContent].length < trace.endContent.length && trace.startContent !== '');
});

await test('a recording that does not end where it says is refused', () => {
  const trace = generated(1, 50);
  assert.throws(() => new Recording({ ...trace, endContent: `${trace.endContent}.` }), /does not end/);
  trace.txns.at(-1).patches = [[10_000, 0, 'x']];
  assert.throws(() => new Recording(trace), RangeError);
});

await test('committed texts are found at increasing patches, and only there', () => {
  const { start, splices } = { start: '', splices: [[0, 0, 'a'], [1, 0, 'b'], [1, 1, ''], [1, 0, 'c']] };
  const texts = () => splices.reduce((all, splice) => [...all, applied(all.at(-1), splice)], [start]);
  assert.deepEqual(texts(), ['', 'a', 'ab', 'a', 'ac']);
  assert.deepEqual(placed(['ab', 'a', 'ac'], texts()), { patches: [2, 3, 4] });
  assert.deepEqual(placed(['a', 'a'], texts()), { patches: [1, 3] });
  assert.equal(placed(['ac', 'ab'], texts()).stray, 1, 'an order that was never typed');
  assert.equal(placed(['a', 'a', 'a'], texts()).stray, 2, 'once more than it was on the page');
  assert.equal(placed(['a', 'abc'], texts()).stray, 1, 'a text that never was');
  assert.deepEqual(placed(['', 'a'], texts()), { patches: [0, 1] }, 'the document, put before its first patch');
  assert.equal(placed(['a', ''], texts()).stray, 1, 'a text from before the first patch, behind it');
});

await test('every plan has all of its events, in order and apart from each other', () => {
  for (const patches of [300, 1_500, 5_000, 10_000, 21_447, 259_778]) {
    const { events, least, lead } = planOf(patches);
    const big = events.filter(({ event }) => event !== 'lose');
    assert.deepEqual(big.map(({ event }) => event), ['stop', 'reload', 'stop', 'reload', 'stop']);
    assert.ok(events.length - big.length >= least.sentAgain);
    assert.ok(events.every(({ at }, index) => at < patches && (index === 0 || at >= events[index - 1].at)));
    for (const { at } of big) assert.ok(events.every((event) => event.at === at || Math.abs(event.at - at) > lead), `${patches}`);
  }
  assert.deepEqual(planOf(15_000).least, { acknowledged: 500, sentAgain: 20 });
});

close();
