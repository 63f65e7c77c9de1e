// The demo page once through, in a real browser against a real server: edit both sides, cut one, edit both again, reload,
// connect, and see equal texts everywhere.
//   SYNCLINE_URL=http://127.0.0.1:PORT node tests/e2e/demo_check.mjs

import assert from 'node:assert/strict';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { documentsOf } from './support/server.mjs';

const url = process.env.SYNCLINE_URL;
if (url === undefined) throw new Error('SYNCLINE_URL must name a running server');

const browser = await launch();
const page = await browser.newPage();
const seen = observe(page);
const part = (name) => page.getByTestId(name);
const text = (side) => part(`${side}-text`).inputValue();
const figure = (name) => part(name).textContent();

/** Types at the end of a side's text, as a person does. */
async function type(side, words) {
  await part(`${side}-text`).focus();
  await page.keyboard.press('Control+End');
  await page.keyboard.type(words);
}

async function addTodo(side, title) {
  await part(`${side}-todo-input`).fill(title);
  await page.keyboard.press('Enter');
}

const todos = (side) => part(`${side}-todos`).locator('li label').allTextContents();
const isReady = (side) => part(`${side}-text`).isEnabled();
async function bothSay(...words) {
  let texts;
  const agree = async () => {
    texts = [await text('left'), await text('right')];
    return texts[0] === texts[1] && words.every((word) => texts[0].includes(word));
  };
  await until(`both sides say ${words.join(' and ')}`, agree).catch((error) => {
    throw new Error(`${error.message}; they say ${JSON.stringify(texts)}`);
  });
}

await test('the page opens two clients that share a note', async () => {
  await page.goto(url);
  await until('both sides have the note', async () => (await isReady('left')) && (await isReady('right')));
  assert.equal(await figure('left-storage'), 'IndexedDB');
});

await test('what is typed on one side arrives on the other, and the caret stays where it is', async () => {
  await type('left', 'Left was here. 😀');
  await bothSay('Left was here. 😀');
  await type('right', ' Right too.');
  await bothSay('Left was here. 😀 Right too.');
  await part('left-text').evaluate((area) => area.setSelectionRange(4, 4));
  await type('right', ' At the end.');
  await bothSay('At the end.');
  assert.equal(await part('left-text').evaluate((area) => area.selectionStart), 4);
});

await test('a list item shows on both sides, and can be ticked and deleted', async () => {
  await addTodo('left', 'Buy tickets');
  await addTodo('right', 'Pack the bag');
  const both = ['Buy tickets', 'Pack the bag'];
  await until('both sides have both items', async () => {
    const lists = [await todos('left'), await todos('right')];
    return lists.every((list) => list.length === 2 && both.every((title) => list.includes(title)));
  });
  await part('left-todos').locator('li', { hasText: 'Buy tickets' }).getByRole('checkbox').check();
  await until('the tick arrives', () => part('right-todos').locator('li', { hasText: 'Buy tickets' }).getByRole('checkbox').isChecked());
  await part('right-todos').getByRole('button', { name: 'Delete Pack the bag' }).click();
  await until('it is gone on both sides', async () => (await todos('left')).length === 1 && (await todos('right')).length === 1);
});

await test('one side is cut, and both go on', async () => {
  await part('right-network').click();
  assert.equal(await part('right-network').getAttribute('aria-checked'), 'false');
  const before = await text('right');
  await type('right', ' Typed without a network.');
  await part('left-text').evaluate((area) => area.setSelectionRange(0, 0));
  await page.evaluate(() => document.querySelector('[data-testid="left-text"]').focus());
  await page.keyboard.type('Typed meanwhile. ');
  await addTodo('right', 'Written in a tunnel');
  await until('the left side is sent', async () => (await figure('left-queue')) === '0');
  assert.ok((await text('left')).startsWith('Typed meanwhile. '));
  assert.equal(await text('right'), `${before} Typed without a network.`);
  assert.notEqual(await figure('right-queue'), '0');
  console.log(`  queued on the cut side: ${await figure('right-queue')}`);
});

await test('after a reload the cut side still has what was not sent', async () => {
  const before = await text('right');
  await until('what was typed is stored', async () => {
    const rows = await part('right-outcomes').locator('li').allTextContents();
    return rows.length > 0 && rows.every((row) => !row.includes('shown at once'));
  });
  await page.reload();
  await until('both sides are back', async () => (await isReady('left')) && (await isReady('right')));
  assert.equal(await part('right-network').getAttribute('aria-checked'), 'false');
  assert.equal(await text('right'), before);
  assert.ok((await todos('right')).includes('Written in a tunnel'));
  assert.ok(!(await text('left')).includes('without a network'));
});

await test('connected again, both sides and the server have everything', async () => {
  await part('right-network').click();
  await bothSay('Typed meanwhile.', 'Typed without a network.', '😀');
  await until('nothing is queued', async () => (await figure('right-queue')) === '0' && (await figure('left-queue')) === '0');
  await until('the list is equal', async () => (await todos('left')).join() === (await todos('right')).join());
  const documents = await documentsOf(url, seen.scope);
  assert.equal(documents.get('notes/shared').text, await text('left'));
  assert.equal(Object.keys(documents.get('lists/main').todos).length, 2);
  console.log(`  all have ${JSON.stringify(await text('left'))}`);
});

await test('nothing went wrong on the page meanwhile', () => {
  assert.deepEqual(seen.errors, []);
});

await browser.close();
close();
