// Where things lie: the environment says so, or else they are where the build puts them.

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const pages = fileURLToPath(new URL('../pages', import.meta.url));
export const server = resolve(root, process.env.SYNCLINE_SERVER ?? 'target/release/syncline-server');
export const pkg = resolve(root, process.env.SYNCLINE_PKG ?? 'pkg');
export const chrome = process.env.CHROME ?? '/usr/bin/chromium';
