// The facade as it ships, with the stand-in for its module beside it. Each stage is a module graph of its own.

import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '../..');
export const sources = join(root, 'src/js');

const folders = [];
process.once('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** The package's exports, the stand-in's, and those of any other file of the facade by name. */
export function stage() {
  return stageOf('fake');
}

/** The same with the stand-in of another folder; of the files in `broken` a piece is replaced by another one. */
export async function stageOf(standIn, broken = {}) {
  folders.push(mkdtempSync(join(tmpdir(), 'syncline-facade-')));
  const folder = folders.at(-1);
  for (const file of readdirSync(sources).filter((name) => name.endsWith('.js'))) cpSync(join(sources, file), join(folder, file));
  cpSync(join(here, standIn, 'syncline.js'), join(folder, 'syncline.js'));
  for (const [file, [piece, other]] of Object.entries(broken)) {
    const text = readFileSync(join(folder, file), 'utf8');
    if (!text.includes(piece)) throw new Error(`${file} has no "${piece}" that could be broken`);
    writeFileSync(join(folder, file), text.replace(piece, other));
  }
  cpSync(join(here, 'fake/package.json'), join(folder, 'package.json'));
  const load = (file) => import(pathToFileURL(join(folder, file)).href);
  return { folder, facade: await load('index.js'), fake: await load('syncline.js'), load };
}

/** An open client with its stand-in. */
export async function opened(options = {}) {
  const { facade, fake, load } = await stage();
  const client = await facade.open({ name: 'app', ...options });
  return { ...facade, fake, load, client, engine: fake.Client.last };
}

/** Lets microtasks and timers that are due run. */
export const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
