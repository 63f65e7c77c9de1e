// The shipped declarations say what the package really has, and nothing that the full surface in docs/api.d.ts does not say.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { differences, exportsOf, membersOf } from './support/declarations.mjs';
import { entry, file, root } from './support/package.mjs';
import { close, test } from './support/suite.mjs';

/** What a shipped surface says beyond a full one. */
function beyond(shipped, full) {
  return [...shipped].flatMap(([name, { declarations }]) => {
    const whole = full.get(name)?.declarations ?? [];
    if (whole.length === 0) return [`${name} is not in the full surface`];
    return declarations.flatMap((declaration) => {
      const found = whole.map((other) => differences(declaration, other, name));
      return found.some((list) => list.length === 0) ? [] : found[0];
    });
  });
}

await test('the comparison itself sees each kind of difference', () => {
  const FULL = `export type Kind = 'a' | 'b' | { c: number; d?: string };
    export interface Box<T> { readonly size: number; get(key: string, options?: { deep?: boolean }): T; state: { set(value: T): void; close(): void } }
    export declare function open(kind: Kind): Box<string>;
    export declare class Fault extends Error { readonly code: Kind }`;
  const SMALLER = `export type Kind = 'a' | { c: number }; export interface Box<T> { get(key: string): T; state: { close(): void } }`;
  const WRONG = [
    `export type Kind = 'z'`,
    `export type Kind = { c: string }`,
    `export type Kind = { c?: number }`,
    `export interface Box<T> { size: number }`,
    `export interface Box<T> { get(key: number): T }`,
    `export interface Box<T> { get(): T }`,
    `export interface Box<T> { get(key: string, options?: { fast?: boolean }): T }`,
    `export interface Box<U> { readonly size: number }`,
    `export interface Box<T> { state: { open(): void } }`,
    `export interface Box<T> extends Array<T> { readonly size: number }`,
    `export type Kind = 'a'; export declare function open(kind: Kind): string`,
    `export declare function shut(): void`,
  ];
  const folder = mkdtempSync(join(tmpdir(), 'syncline-types-'));
  const paths = [FULL, SMALLER, ...WRONG].map((source, at) => {
    const path = join(folder, `${at}.d.ts`);
    writeFileSync(path, source);
    return path;
  });
  const [full, smaller, ...wrong] = exportsOf(...paths);
  rmSync(folder, { recursive: true });
  assert.deepEqual(beyond(full, full), []);
  assert.deepEqual(beyond(smaller, full), []);
  wrong.forEach((surface, at) => assert.notDeepEqual(beyond(surface, full), [], `not seen: ${WRONG[at]}`));
});

const [shipped, surface] = exportsOf(file('index.d.ts'), join(root, 'docs/api.d.ts'));
const runtime = await import(entry);

await test('every declared value is exported, and every export is declared', () => {
  const declared = [...shipped].filter(([, { value }]) => value).map(([name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(runtime).sort());
});

await test('every member of a declared class exists', () => {
  for (const [name, declaration] of shipped) {
    if (!declaration.value || typeof runtime[name] !== 'function' || runtime[name].prototype === undefined) continue;
    for (const [member, { required }] of membersOf(declaration)) {
      if (!required || member === 'constructor') continue;
      const object = name === 'SyncError' ? new runtime.SyncError('CLOSED', 'closed') : Object.create(runtime[name].prototype);
      assert.ok(member in object, `${name}.${member} is declared and does not exist`);
    }
  }
});

await test('the shipped surface is part of docs/api.d.ts, with the same signatures', () => {
  assert.deepEqual(beyond(shipped, surface), []);
});

close();
