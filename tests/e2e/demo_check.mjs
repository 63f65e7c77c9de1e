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

const items = (side) => part(`${side}-todos`).locator('li');
const isTicked = (side) => items(side).getByRole('checkbox').evaluateAll((boxes) => boxes.map((box) => box.checked));

await test('all is ticked in one write, and cleared in another', async () => {
  const sentBefore = Number(await figure('left-sent'));
  await part('left-all-done').click();
  await until('both sides have all ticked', async () => [...(await isTicked('left')), ...(await isTicked('right'))].every((ticked) => ticked));
  assert.equal(Number(await figure('left-sent')), sentBefore + 1, 'one entry for both');
  await part('right-clear').click();
  await until('both lists are empty', async () => (await items('left').count()) === 0 && (await items('right').count()) === 0);
  assert.ok(await part('left-together').isHidden());
  const documents = await documentsOf(url, seen.scope);
  assert.equal([...documents.keys()].filter((name) => name.startsWith('todos/')).length, 0);
});

await test('what the server refuses is shown, can be tried again, sent otherwise or given up, and blocks nothing', async () => {
  assert.ok(await part('left-inbox').isHidden());
  await addTodo('left', 'No');
  const refused = part('left-refused').locator('li');
  await until('it is refused', async () => (await refused.count()) === 1);
  assert.equal(await items('left').count(), 0, 'neither the to-do nor its place in the list is left');
  assert.match(await refused.locator('p').textContent(), /“No”/);
  assert.equal(await figure('left-inbox-count'), '1');
  await addTodo('left', 'Something else');
  await until('others go on', async () => (await items('right').count()) === 1);

  const first = await refused.getAttribute('data-refused');
  await refused.getByRole('button', { name: 'Try again as it was' }).click();
  await until('it is refused again', async () => (await refused.count()) === 1 && (await refused.getAttribute('data-refused')) !== first);
  await refused.getByRole('textbox').fill('Yes');
  await refused.getByRole('button', { name: 'Send again' }).click();
  await until('it is on both sides', async () => (await todos('left')).includes('Yes') && (await todos('right')).includes('Yes'));
  await until('the inbox is empty', () => part('left-inbox').isHidden());

  await addTodo('right', 'no');
  await part('right-refused').getByRole('button', { name: 'Discard' }).click();
  await until('it is given up', () => part('right-inbox').isHidden());
});

await test('the last syncs are listed, the refused ones among them', async () => {
  await part('left-history-block').locator('summary').click();
  const rows = part('left-history').locator('tr');
  await until('there are rows', async () => (await rows.count()) > 0);
  const said = await rows.allTextContents();
  assert.ok(said.some((row) => row.includes('sent')) && said.some((row) => row.includes('rejected')), said.join('; '));
});

/** What each side shows of the trip. */
async function trip(side) {
  const things = await part(`${side}-things`).locator('li').allTextContents();
  return [await part(`${side}-where`).inputValue(), await part(`${side}-when`).inputValue(), ...things];
}

async function set(side, field, value) {
  await part(`${side}-${field}`).fill(value);
  await page.keyboard.press('Enter');
}

await test('what both sides have changed is merged by rules, and where none decides, somebody does', async () => {
  await set('left', 'where', 'Rome');
  await set('left', 'bring', 'tent');
  await until('both have it', async () => (await trip('right')).join() === 'Rome,,tent');
  await part('right-network').click();
  await set('right', 'where', 'Paris');
  await set('right', 'when', 'in May');
  await set('right', 'bring', 'stove');
  await set('left', 'where', 'Oslo');
  await set('left', 'when', 'in June');
  await set('left', 'bring', 'rope');
  await until('the left side is sent', async () => (await figure('left-queue')) === '0');
  await part('right-network').click();
  const rows = part('right-conflict-list').locator('li');
  await until('somebody is asked', async () => (await rows.count()) === 1);
  assert.deepEqual(await rows.getByRole('button').allTextContents(), ['Keep “Paris”', 'Take “Oslo”', 'Use this']);
  assert.match(await rows.locator('p').textContent(), /“Rome”/);
  assert.equal(await figure('right-conflict-count'), '1');
  assert.deepEqual(await trip('right'), ['Paris', 'in June', 'tent', 'rope', 'stove'], 'the rest is merged by then');
  if (process.env.SYNCLINE_PICTURE) {
    await page.setViewportSize({ width: 1280, height: 1400 });
    await page.screenshot({ path: process.env.SYNCLINE_PICTURE, fullPage: true });
  }
  await addTodo('right', 'Others go on');
  await until('others go on', async () => (await todos('left')).includes('Others go on'));
  assert.deepEqual(await trip('left'), ['Oslo', 'in June', 'tent', 'rope'], 'nothing of it is sent yet');
  await rows.getByRole('textbox').fill('Bergen');
  await rows.getByRole('button', { name: 'Use this' }).click();
  await until('both have what was decided', async () => [await trip('left'), await trip('right')].every((side) => side.join() === 'Bergen,in June,tent,rope,stove'));
  assert.ok(await part('right-conflicts').isHidden());
  await until('the rule is told of', async () => (await part('right-outcomes').textContent()).includes('not “in May”'));
});

await test('d10: what was typed is text wherever it is shown', async () => {
  const hostile = '<img src=x onerror="window.owned = true"><script>window.owned = true</script>';
  await type('left', hostile);
  await addTodo('left', hostile);
  await until('it is on the other side', async () => (await text('right')).includes(hostile) && (await todos('right')).includes(hostile));
  assert.equal(await page.evaluate(() => document.querySelectorAll('main img, main script').length), 0);
  assert.equal(await page.evaluate(() => window.owned), undefined);
});

await test('everything fits beside each other, and on a phone below each other', async () => {
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  }
});

await test('nothing went wrong on the page meanwhile', () => {
  assert.deepEqual(seen.errors, []);
});

await browser.close();
close();
