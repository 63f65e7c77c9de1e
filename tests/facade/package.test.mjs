// What the package promises about itself: codes as in Rust, types for what is exported, few bytes, no side effects.

import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { root, sources, stage } from './stage.mjs';

/** The most that src/js may weigh, bundled, minified and gzipped, without the glue that wasm-bindgen makes. */
const GZIP_BYTES_MAX = 17_200;

const BUNDLE = { bundle: true, minify: true, write: false, format: 'esm', target: 'es2022', logLevel: 'error' };
const esbuild = await import('esbuild').catch(() => null);

test('every code of the engine has a hint and the same retryability', async () => {
  const { facade } = await stage();
  const rust = readFileSync(join(root, 'src/engine/error.rs'), 'utf8');
  const codes = [...rust.matchAll(/= "([A-Z_]+)", retryable (true|false);/g)];
  assert.ok(codes.length > 15);
  for (const [, code, retryable] of codes) {
    const error = new facade.SyncError(code, '');
    assert.equal(String(error.retryable), retryable, code);
    assert.notEqual(error.hint, '', code);
  }
  const types = readFileSync(join(sources, 'index.d.ts'), 'utf8');
  for (const [, code] of codes) assert.ok(types.includes(`'${code}'`), `${code} is not in index.d.ts`);
});

test('the types name every value that is exported, and no other', async () => {
  const { facade } = await stage();
  const types = readFileSync(join(sources, 'index.d.ts'), 'utf8');
  const named = [...types.matchAll(/^export declare (?:function|class) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(named.sort(), Object.keys(facade).sort());
});

test('src/js stays small', { skip: esbuild === null && 'esbuild is missing' }, () => {
  const { outputFiles } = esbuild.buildSync({ ...BUNDLE, entryPoints: [join(sources, 'index.js')], external: ['./syncline.js'] });
  const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`src/js: ${bytes} bytes of ${GZIP_BYTES_MAX}`);
  assert.ok(bytes <= GZIP_BYTES_MAX, `${bytes} bytes`);
});

test('what is not used can be left out', { skip: esbuild === null && 'esbuild is missing' }, async () => {
  const { folder } = await stage();
  cpSync(join(root, 'pkg.json'), join(folder, 'package.json'));
  const bundle = (contents) => esbuild.buildSync({ ...BUNDLE, stdin: { contents, resolveDir: folder } }).outputFiles[0].text;
  assert.equal(bundle("import './index.js';"), '');
  const one = bundle("import { SyncError } from './index.js'; console.log(SyncError);");
  assert.ok(one.includes('SyncError') && !one.includes('subscribe') && !one.includes('reset_state'), one);
});
