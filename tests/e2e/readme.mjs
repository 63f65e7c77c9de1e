// The README's quick start, run as it is written: its files, its command line, its promises.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { close, test } from '../package/support/suite.mjs';
import { launch, observe, until } from './support/browser.mjs';
import { pkg, root } from './support/places.mjs';
import { documentsOf, runServer } from './support/server.mjs';

const BUILD = 'cargo xtask pack';
const RUN = 'cargo run --release -p syncline-server -- ';

const chapter = readFileSync(join(root, 'README.md'), 'utf8').split(/^## /m).find((part) => part.startsWith('Quick start\n'));
const project = mkdtempSync(join(tmpdir(), 'syncline-readme-'));
const browser = await launch();
const home = await browser.newContext();
let server;
let page;
let seen;
let typed = '';

/** The chapter's blocks: what is said right before each, its language, and what is in it. */
const blocks = [...chapter.matchAll(/([^\n]*)\n\n```(\w+)\n(.*?)```/gs)].map(([, before, language, content]) => ({ before, language, content }));

/** What the chapter says that the file of this name holds. */
function file(name) {
  const block = blocks.find(({ before }) => before === `\`${name}\`:`);
  assert.ok(block, `the quick start shows ${name}`);
  return block.content;
}

/** The server as the chapter starts it, in a folder laid out as the project's, but on a port that is free. */
async function serve(port = 0) {
  const commands = blocks.find(({ language }) => language === 'sh').content.trim().split('\n');
  assert.equal(commands[0], BUILD);
  assert.ok(commands[1].startsWith(RUN), commands[1]);
  const words = commands[1].slice(RUN.length).split(' ');
  const at = words.indexOf('--listen') + 1;
  const [host] = words[at].split(':');
  assert.match(chapter, new RegExp(`http://${words[at]}/`));
  words[at] = `${host}:${port}`;
  const run = () => runServer(words, { cwd: project });
  // A port that was given up may be in another's hands for a moment.
  server = port === 0 ? await run() : await until('the server listens again', () => run().catch(() => null));
}

async function visit(context) {
  const fresh = await context.newPage();
  fresh.said = [];
  fresh.on('console', (message) => fresh.said.push(message.text()));
  const observed = observe(fresh);
  await fresh.goto(server.url);
  return [fresh, observed];
}

const text = (of = page) => of.locator('#text').inputValue();
const line = () => page.locator('#status').textContent();
const onServer = async () => (await documentsOf(server.url, seen.scope)).get('notes/first')?.text;
const isSent = () => until('all is sent', async () => (await line()).endsWith(', 0 writes on their way'));

async function type(words) {
  await page.locator('#text').focus();
  await page.keyboard.press('Control+End');
  await page.keyboard.type(words);
  typed += words;
}

/** Whether these words are in a commit in the browser's store. */
const isStored = (words) =>
  page.evaluate(async (words) => {
    const settled = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
    const [{ name }] = await indexedDB.databases();
    const db = await settled(indexedDB.open(name));
    const commits = await settled(db.transaction('log').objectStore('log').getAll());
    db.close();
    return commits.some((commit) => new TextDecoder().decode(commit).includes(words));
  }, words);

await test('the two files and the two commands are a page that says how its client is', async () => {
  for (const name of ['notes/index.html', 'notes/notes.js']) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), file(name));
  }
  symlinkSync(pkg, join(project, 'pkg'));
  await serve();
  [page, seen] = await visit(home);
  await until('the client has begun', async () => /^\w+, 0 writes on their way$/.test(await line()));
});

await test('what is typed is sent, and the console says that it is applied', async () => {
  await type('Typed with a server. ');
  await isSent();
  assert.equal(await onServer(), typed);
  await until('it is said', () => page.said.some((message) => /^[0-9a-f-]{36} is (applied|merged)$/.test(message)));
});

await test('the server is stopped, and the line below says how many writes wait', async () => {
  await server.stop();
  await type('Typed without one.');
  await until('it waits', async () => /, [1-9]\d* writes on their way$/.test(await line()));
  await until('it is stored', () => isStored(typed));
});

await test('the page is closed, the server started, the page opened: all of it is there, and goes out', async () => {
  await page.close();
  assert.deepEqual(seen.errors, []);
  await serve(new URL(server.url).port);
  assert.equal(await onServer(), 'Typed with a server. ');
  [page, seen] = await visit(home);
  await until('the text is there', async () => (await text()) === typed);
  await isSent();
  assert.equal(await onServer(), typed);
});

await test('another device has the same text, and each sees what the other types', async () => {
  const here = [page, seen];
  const [there, seenThere] = await visit(await browser.newContext());
  await until('it comes', async () => (await text(there)) === typed);
  [page, seen] = [there, seenThere];
  await type(' Typed elsewhere.');
  await isSent();
  [page, seen] = here;
  await until('it arrives', async () => (await text()) === typed);
  assert.deepEqual([...seen.errors, ...seenThere.errors], []);
  await there.context().close();
});

await test('the file on the server has it too', async () => {
  await server.stop();
  assert.ok(readFileSync(join(project, 'notes.sqlite')).length > 0);
  await serve(new URL(server.url).port);
  assert.equal(await onServer(), typed);
});

await test('two functions in place of the address reach a backend of its own', async () => {
  const functions = blocks.find(({ content }) => content.startsWith('transport: {'));
  const script = file('notes/notes.js').replace("transport: { url: '/sync/' }", functions.content.trim().replace(/,$/, ''));
  assert.notEqual(script, file('notes/notes.js'));
  const context = await browser.newContext();
  const backend = [{ collection: 'notes', key: 'first', version: '1', value: { text: 'From the backend. ' } }];
  await context.route('**/notes.js', (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
  let strayed = 0;
  await context.route('**/sync/**', (route) => (strayed += 1) && route.abort());
  await context.route('**/api/notes*', (route, request) => route.fulfill({ json: answer(backend, request) }));
  [page, seen] = await visit(context);
  typed = 'From the backend. ';
  await until('it is read', async () => (await text()) === typed);
  await type('To the backend.');
  await isSent();
  assert.equal(backend.at(-1).value.text, 'From the backend. To the backend.');
  await until('it is said', () => page.said.some((message) => message.endsWith(' is applied')));
  assert.deepEqual(seen.errors, []);
  assert.equal(strayed, 0);
});

/** What a small backend answers: a list of writes done, or what was written behind a cursor. */
function answer(backend, request) {
  if (request.method() === 'GET') {
    const since = Number(new URL(request.url()).searchParams.get('since'));
    return { changes: backend.slice(since), cursor: String(backend.length), more: false };
  }
  return request.postDataJSON().map(({ id, operations }) => {
    for (const { collection, key, op, value } of operations) {
      assert.equal(op, 'put', 'what such a transport takes');
      backend.push({ collection, key, version: String(backend.length + 1), value });
    }
    return { id, outcome: 'ok', version: String(backend.length) };
  });
}

await browser.close();
await server?.stop();
rmSync(project, { recursive: true });
close();
