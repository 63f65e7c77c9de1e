// Prints, as JSON, how many bytes a user of the package downloads: the module, and its JavaScript as a bundler ships it.
//   node measure.mjs PACKAGE_FOLDER
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';

const folder = process.argv[2];
const bundled = async (entry) => (await build({
  entryPoints: [join(folder, entry)],
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
})).outputFiles[0].contents;
// The worker is a file of its own: it is asked for when the first client opens.
const scripts = [await bundled('index.js'), await bundled('mirror.worker.js')];

const bytes = (content) => ({
  raw: content.length,
  // The program itself: Node's own zlib is tuned for speed and packs half a percent less.
  gzip: execFileSync('gzip', ['-9', '-n', '-c'], { input: content, maxBuffer: Infinity }).length,
  brotli: brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
});

console.log(JSON.stringify({
  wasm: bytes(readFileSync(join(folder, 'syncline_bg.wasm'))),
  js: scripts.map(bytes).reduce((one, other) => Object.fromEntries(Object.keys(one).map((name) => [name, one[name] + other[name]]))),
}));
