// A stranger's project: installs the packed package, compiles against its declarations, and imports it by name.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { file, folder } from './support/package.mjs';
import { close, test } from './support/suite.mjs';

const project = mkdtempSync(join(tmpdir(), 'syncline-consumer-'));
const run = (program, args, cwd = project) => {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}\n${error.stdout}${error.stderr}`);
  }
};
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

await test('the packed package installs', () => {
  cpSync(fileURLToPath(new URL('consumer', import.meta.url)), project, { recursive: true });
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', project], folder));
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(project, packed.filename)]);
  const installed = JSON.parse(readFileSync(join(project, 'node_modules/syncline/package.json'), 'utf8'));
  assert.equal(installed.version, JSON.parse(readFileSync(file('package.json'), 'utf8')).version);
});

for (const resolution of ['bundler', 'nodenext']) {
  await test(`a strict TypeScript project compiles (module resolution: ${resolution})`, () => {
    run(process.execPath, [tsc, '--noEmit', '--moduleResolution', resolution, '--module', resolution === 'bundler' ? 'esnext' : 'nodenext', '--project', '.']);
  });
}

await test('each way into the package opens by name', () => {
  const ways = Object.keys(JSON.parse(readFileSync(file('package.json'), 'utf8')).exports);
  const script = ways.map((way) => `import.meta.resolve(${JSON.stringify(join('syncline', way))});`).join('\n');
  run(process.execPath, ['--input-type=module', '--eval', `${script}\nawait import('syncline');`]);
});

rmSync(project, { recursive: true });
close();
