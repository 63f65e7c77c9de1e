// Hosts for the tests of requests: what an app or a network may answer with.

const encoder = new TextEncoder();

/// A host whose `fetch` does what `kind` says. `asked` collects what was asked for.
export function host(kind) {
  const host = { asked: [], notify() {}, panicked() {}, headers() {}, fetch: (...call) => fetch(...call) };
  const fetches = answers[kind];
  if (fetches) {
    host.fetch = async (url, options) => {
      host.asked.push({ url, ...options, headers: Object.fromEntries(options.headers) });
      return fetches(options);
    };
  }
  return host;
}

/// What was asked, as text.
export const asked = host => JSON.stringify(host.asked);

const json = { status: 200, headers: { 'Content-Type': 'application/json', 'Retry-After': '7', 'X-Other': 'kept away' } };

const stream = pull => new Response(new ReadableStream({ pull }), json);

const answers = {
  whole: () => new Response('{"whole":"ü"}', json),
  refused: () => new Response('<p>no</p>', { status: 503, headers: { 'content-type': 'text/html' } }),
  empty: () => new Response(null, { status: 204 }),
  garbled: () => new Response(new Uint8Array([0xff, 0xfe, 0]), json),
  network: () => { throw new TypeError('Failed to fetch'); },
  nothing: () => undefined,
  texts: () => stream(controller => controller.enqueue('a text is no bytes')),
  // The body breaks off behind its first bytes.
  torn: () => {
    let pulled = 0;
    return stream(controller => pulled++ ? controller.error(new TypeError('network error')) : controller.enqueue(encoder.encode('{"a":')));
  },
  // A body without an end.
  endless: () => stream(controller => controller.enqueue(new Uint8Array(1000))),
  // Head at once, then a byte each 60 ms, ten of them.
  slow: () => {
    let left = 10;
    return stream(async controller => {
      await new Promise(resolve => setTimeout(resolve, 60));
      if (left-- > 0) controller.enqueue(encoder.encode('x'));
      else controller.close();
    });
  },
  // No answer, but the signal is heeded.
  hanging: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  // No answer, and the signal is not.
  deaf: () => new Promise(() => {}),
  // Head at once, and then nothing.
  stalled: () => stream(() => new Promise(() => {})),
};

/// Gives the host headers; `how` says which way.
export function withHeaders(host, how) {
  let calls = 0;
  const ways = {
    object: () => ({ Authorization: `Bearer ${++calls}`, 'Syncline-Scope': 'forged' }),
    promise: async () => new Headers([['authorization', `Bearer ${++calls}`]]),
    throws: () => { throw new Error('no token'); },
    rejects: () => Promise.reject('signed out'),
    invalid: () => ({ 'not a name': 'x' }),
    never: () => new Promise(() => {}),
  };
  host.headers = ways[how];
}

/// A host with functions of the app's own.
export function functions(kind) {
  const host = { asked: [], notify() {}, panicked() {} };
  const note = (name, ...given) => {
    const ctx = given.pop();
    host.asked.push([name, ...given, { ...ctx, signal: ctx.signal instanceof AbortSignal && ctx.signal.aborted }]);
  };
  const kinds = {
    good: {
      push: async (entries, ctx) => (note('push', entries, ctx), '{"outcomes":[]}'),
      pull: async ctx => (note('pull', ctx), '{"changes":[]}'),
      ping: async ctx => note('ping', ctx),
    },
    throws: { push: () => { throw new RangeError('sync'); }, pull: async () => { throw new RangeError('async'); } },
    wrong: { push: async () => ({ outcomes: [] }), pull: async () => undefined },
    deaf: { push: () => new Promise(() => {}), pull: () => new Promise(() => {}) },
  };
  return Object.assign(host, kinds[kind]);
}
