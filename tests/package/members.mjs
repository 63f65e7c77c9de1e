// What the declarations say of the objects that the package hands out, compared with those objects in a real browser.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { chromium } from 'playwright-core';
import ts from 'typescript';

import { exportsOf, membersOf } from './support/declarations.mjs';
import { file } from './support/package.mjs';
import { close, test } from './support/suite.mjs';

/** Interfaces that an app fills in: the package reads them, so there is no object of it to look at. */
const FILLED_IN_BY_APPS = [
  'BatchOptions', 'Change', 'ClientEvents', 'CloseOptions', 'Collection', 'FunctionTransport', 'InitOptions', 'LiveQuery', 'MutateOptions', 'Observer', 'OpenOptions', 'PollOptions', 'PullAnswer',
  'PullOptions', 'StorageOptions', 'SubscribeOptions', 'UrlTransport', 'WaitOptions',
];

/** Runs in the page: one object of each kind, by the name of its interface, told as the names of its members. */
async function specimens() {
  const { list, open } = await import('/index.js');
  const seen = {};
  // A store that is not there any more: the hash is that of no scope.
  localStorage.setItem('syncline/members/ef46db3751d8e999', 'another');
  let spliced;
  const sent = new Promise((resolve) => { spliced = resolve; });
  const client = await open({
    name: 'members',
    collections: {
      merged: { conflict: 'local' },
      left: { conflict: { fields: { '/n': 'manual' } } },
      asked: {
        conflict: (input) => {
          seen.ConflictInput = input;
          return { take: 'mine' };
        },
      },
    },
    transport: {
      level: 'A',
      accepts: ['put', 'delete', 'splice'],
      push: async (entries, context) => {
        [seen.Entry] = entries;
        seen.CallContext = context;
        entries.flatMap(({ operations }) => operations).filter(({ op }) => op === 'splice').forEach(({ on }) => spliced(on));
        const outcomeOf = (id) => ({ id, outcome: 'ok', version: '1' });
        const refusalOf = (id) => ({ id, outcome: 'rejected', code: 'no', message: 'not like this' });
        return entries.map(({ id, operations: [{ key, base }] }) => {
          if (key === 'clash' && base === '1') return { id, outcome: 'conflict', version: '2', value: { n: 2 } };
          return key === 'refused' ? refusalOf(id) : outcomeOf(id);
        });
      },
      pull: async (cursor, context) => {
        seen.PullContext = context;
        return { changes: [], cursor: 'end', more: false };
      },
    },
  });
  client.on('storage', (report) => (seen.StorageReset = report));
  client.on('conflict', (report) => (seen.ConflictReport = report));
  await client.pull();
  const notes = client.documents('notes');
  seen.SyncClient = client;
  seen.Documents = notes;
  seen.Mutation = notes.put('a', { text: '' });
  client.mutate((transaction) => {
    seen.Transaction = transaction;
    transaction.put('notes', 'c', {});
  });
  seen.Mutations = notes.putAll([['b', { text: '' }]]);
  seen.Source = client.status;
  seen.SyncStatus = client.status.current;
  seen.StorageStatus = client.status.current.storage;
  seen.Metrics = client.metrics();
  seen.Unsubscribe = client.status.subscribe(() => {});
  await seen.Mutation.settled;
  notes.splice('a', '/text', 0, 0, 'x');
  seen.TextMark = await sent;
  seen.ItemStatus = notes.status('a').current;
  await client.documents('merged').put('clash', { n: 1 }).settled;
  await client.documents('merged').put('clash', { n: 3 }).settled;
  for (const name of ['left', 'asked']) {
    await client.documents(name).put('clash', { n: 1 }).settled;
    await client.documents(name).put('clash', { n: 3 }).settled;
  }
  for await (const conflicts of client.conflicts) if (([seen.Conflict] = conflicts)[0]) break;
  const refused = notes.put('refused', {});
  client.pendingItems.subscribe(() => {});
  [seen.ItemName] = client.pendingItems.current;
  await refused.settled;
  seen.Inbox = client.inbox;
  [seen.InboxItem] = client.inbox.current;
  [seen.InboxDocument] = seen.InboxItem.documents;
  [seen.HistoryRow] = await client.history();
  [seen.StoreInfo] = await list();

  const names = (object) => {
    const all = new Set();
    for (let at = object; at !== null && at !== Object.prototype && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
      Object.getOwnPropertyNames(at).forEach((name) => all.add(name));
    }
    const builtIn = typeof object === 'function' ? ['length', 'name', 'prototype', 'constructor'] : ['constructor'];
    // What begins with @@ is a hook that other libraries look for, such as RxJS; no app calls it.
    return [...all].filter((name) => !builtIn.includes(name) && !name.startsWith('@@')).sort();
  };
  return Object.fromEntries(Object.entries(seen).map(([name, object]) => [name, names(object)]));
}

const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };

/** The names of the members of each kind of object, out of the browser. */
async function inBrowser() {
  const browser = await chromium.launch({ executablePath: process.env.CHROME, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage();
    await page.route('**/*', async (route) => {
      const path = new URL(route.request().url()).pathname;
      const body = path === '/' ? '<!doctype html>' : await readFile(file(path.slice(1))).catch(() => null);
      await route.fulfill(body === null ? { status: 404 } : { body, contentType: TYPES[extname(path) || '.html'] ?? 'text/plain' });
    });
    await page.goto('http://localhost/');
    return await page.evaluate(specimens);
  } finally {
    await browser.close();
  }
}

const [shipped] = exportsOf(file('index.d.ts'));
const interfaces = [...shipped].filter(([, { declarations }]) => declarations.some(ts.isInterfaceDeclaration));
const found = await inBrowser();

await test('every interface is looked at, or is one that apps fill in', () => {
  const known = [...Object.keys(found), ...FILLED_IN_BY_APPS].sort();
  assert.deepEqual(known, interfaces.map(([name]) => name).sort());
});

for (const [name, declaration] of interfaces.filter(([name]) => name in found)) {
  await test(`${name} has the members that are declared, and no other`, () => {
    const declared = inherited(declaration);
    const missing = [...declared].filter(([member, { required }]) => required && !found[name].includes(member)).map(([member]) => member);
    const undeclared = found[name].filter((member) => !declared.has(member));
    assert.deepEqual({ missing, undeclared }, { missing: [], undeclared: [] });
  });
}

/** The members of an interface and of those of ours that it extends. */
function inherited(declaration) {
  const bases = declaration.declarations.flatMap(({ heritageClauses = [] }) => heritageClauses.flatMap(({ types }) => types.map(({ expression }) => expression.getText())));
  return new Map(bases.flatMap((base) => (shipped.has(base) ? [...inherited(shipped.get(base))] : [])).concat([...membersOf(declaration)]));
}

close();
