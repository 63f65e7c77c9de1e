// A server that speaks the protocol as far as single documents go, and lies where a test tells it to.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

import { pages, pkg } from './places.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/**
 * Serves the test page, the package, and one server a story at `/sync/STORY/`. `lies.get(story)` is what it answers instead of the
 * truth: `{ push?, pull? }`, each `(response, truth, body) => void`. `truth` is the answer it would have given.
 */
export async function startHostile() {
  const lies = new Map();
  const stories = new Map();
  const server = createServer((request, response) => answer(request, response).catch((error) => response.destroy(error)));

  async function answer(request, response) {
    const url = new URL(request.url, 'http://localhost');
    const [, , name, endpoint] = url.pathname.split('/');
    if (!url.pathname.startsWith('/sync/')) return file(url.pathname, response);
    if (!stories.has(name)) stories.set(name, { entries: new Map(), log: [], asked: 0 });
    const story = stories.get(name);
    story.asked += 1;
    const body = await text(request);
    const { push, pull } = lies.get(name) ?? {};
    const heads = request.headers;
    if (endpoint === 'push') {
      const truth = pushed(story, heads, JSON.parse(body), push?.loses);
      return push ? push(response, truth, body) : json(response, truth);
    }
    if (endpoint === 'pull') {
      const truth = pulled(story, heads, url.searchParams);
      return pull ? pull(response, truth, body) : json(response, truth);
    }
    return json(response, {});
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    lies,
    /** What became of a story: each change in order, and how often the server was asked. */
    story: (name) => stories.get(name),
    stop: () => new Promise((resolve) => server.close(resolve) && server.closeAllConnections()),
  };
}

/** Stores what is not stored yet; a lie about it may come all the same. With `loses`, nothing is stored. */
function pushed(story, heads, { entries }, loses = false) {
  const outcomes = entries.map(({ id, operations: [{ collection, key, op, value }] }) => {
    if (loses) return { id, outcome: 'ok', seq: 1, version: 'g.1' };
    if (!story.entries.has(id)) {
      const seq = story.log.push({ collection, key, id, op, value });
      story.entries.set(id, { id, outcome: 'ok', seq, version: `g.${seq}` });
    }
    return story.entries.get(id);
  });
  return { generation: 'g', scope: heads['syncline-scope'], outcomes };
}

function pulled(story, heads, query) {
  const since = Number(query.get('since') ?? 0);
  const changes = story.log.slice(since).map(({ collection, key, id, op, value }, index) => ({
    collection,
    key,
    version: `g.${since + index + 1}`,
    seq: since + index + 1,
    entryId: id,
    ...(op === 'delete' ? { deleted: true } : { value }),
  }));
  const applied = changes.map(({ entryId, version, seq }) => ({ id: entryId, version, seq }));
  return {
    generation: 'g',
    scope: heads['syncline-scope'],
    request: heads['syncline-request'],
    cursor: String(story.log.length),
    more: false,
    changes,
    applied,
  };
}

/** Answers with JSON; `text` may be anything that a broken server makes of it. */
export function json(response, value, status = 200, type = 'application/json') {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(typeof value === 'string' ? value : JSON.stringify(value));
}

async function text(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function file(path, response) {
  const place = path.startsWith('/pkg/') ? join(pkg, path.slice(5)) : join(pages, path === '/' ? 'index.html' : path);
  try {
    const content = readFileSync(place);
    response.writeHead(200, { 'content-type': TYPES[extname(place)] ?? 'application/octet-stream', 'content-security-policy': POLICY });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}
