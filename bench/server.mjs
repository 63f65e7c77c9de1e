// The bench's server, one process for all arms: it serves the page and speaks
// each arm's protocol over the same documents in memory, so that no arm is
// measured against a faster backend than another.
//
// `node server.mjs BUNDLE [PACKAGE]` prints its address as one line of JSON
// and ends when its standard input does.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Documents } from './server/documents.mjs';
import { floorEndpoints } from './server/floor.mjs';
import { replicacheEndpoints } from './server/replicache.mjs';
import { synclineEndpoints } from './server/syncline.mjs';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};
// A page isolated from other origins has timers of 5 µs instead of 100 µs.
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** The routes over one set of documents, and what they were asked. */
function session() {
  const documents = new Documents();
  return {
    documents,
    traffic: { requests: 0, bytes: 0 },
    endpoints: { ...floorEndpoints(documents), ...replicacheEndpoints(documents), ...synclineEndpoints(documents) },
  };
}

/** Listens on an ephemeral port; `bundle` and `package` are directories to serve. */
export async function serve({ bundle, package: packageDirectory }) {
  let current = session();

  const control = {
    'POST /bench/reset': () => {
      current = session();
      return {};
    },
    'GET /bench/state': () => ({ ...current.documents.contents(), ...current.traffic }),
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    const route = `${request.method} ${url.pathname}`;
    try {
      if (control[route]) return json(response, control[route]());
      const endpoint = current.endpoints[route];
      if (endpoint) {
        const text = await bodyOf(request);
        current.traffic.requests += 1;
        current.traffic.bytes += Buffer.byteLength(text);
        const body = text === '' ? null : JSON.parse(text);
        return json(response, endpoint({ body, query: url.searchParams, headers: request.headers }));
      }
      return await file(response, url.pathname, bundle, packageDirectory);
    } catch (error) {
      process.stderr.write(`${route}: ${error.stack}\n`);
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function json(response, value) {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

async function file(response, pathname, bundle, packageDirectory) {
  const inPackage = pathname.startsWith('/syncline/');
  const root = inPackage ? packageDirectory : bundle;
  const name = normalize(inPackage ? pathname.slice('/syncline/'.length) : pathname.slice(1));
  const path = root && !name.startsWith('..') ? join(root, name) : null;
  const found = path && (await stat(path).catch(() => null));
  if (!found?.isFile()) return response.writeHead(404).end('not found');
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    // Reopening finds the code in the browser's cache, as a returning user does.
    'cache-control': 'public, max-age=31536000, immutable',
    ...ISOLATION,
  });
  createReadStream(path).pipe(response);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [bundle, packageDirectory] = process.argv.slice(2);
  const { address } = await serve({ bundle, package: packageDirectory });
  process.stdout.write(`${JSON.stringify({ address })}\n`);
  process.stdin.on('end', () => process.exit(0)).resume();
}
