// Where the built package lies: `SYNCLINE_PKG`, or `pkg/` of this project.

import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const folder = resolve(process.env.SYNCLINE_PKG ?? join(root, 'pkg'));

/** A file of the package. */
export const file = (name) => join(folder, name);

/** The package's entry, to be imported. */
export const entry = pathToFileURL(file('index.js')).href;
