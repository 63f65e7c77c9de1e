// An app around one client: it keeps the notices, and its functions answer as a small server would.

/// A server's state, shared by the clients that are given it.
export function server() {
  return { log: [], documents: new Map(), requests: 0, pushed: [], mode: 'good' };
}

/// The host object of a client of that server. `react` is called with each notice, inside the turn.
export function app(server) {
  const host = {
    notices: [],
    turns: 0,
    panics: [],
    react: null,
    notify(text) {
      host.turns += 1;
      for (const notice of JSON.parse(text)) {
        host.notices.push(notice);
        host.react?.(notice);
      }
    },
    life: new AbortController(),
    panicked: (message) => host.panics.push(message),
  };
  if (!server) return host;
  /** All of an entry's documents get the same version. */
  const change = (operations) => {
    const at = server.log.length + operations.length;
    for (const { collection, key, value } of operations) {
      const name = JSON.stringify([collection, key]);
      server.documents.set(name, { at, value });
      server.log.push(name);
    }
    return `v${at}`;
  };
  host.push = async (text) => {
    server.requests += 1;
    if (server.mode === 'down') throw new TypeError('no network');
    if (server.mode === 'html') return '<html>welcome to our wifi</html>';
    const entries = JSON.parse(text);
    server.pushed.push(entries.map(({ operations }) => operations.map(({ key }) => key)));
    const outcomes = entries.map(({ id, operations }) => {
      const [{ collection, key, base }] = operations;
      const there = server.documents.get(JSON.stringify([collection, key]));
      if (server.mode.startsWith('careful') && base !== (there ? `v${there.at}` : null)) {
        return there ? { id, outcome: 'conflict', version: `v${there.at}`, value: there.value } : { id, outcome: 'conflict' };
      }
      if (server.mode === 'refusing') return { id, outcome: 'rejected', code: 'no', message: 'not like this' };
      const other = operations.find(({ op }) => op !== 'put');
      if (other) return { id, outcome: 'rejected', code: 'op', message: `cannot ${other.op}` };
      return { id, outcome: 'ok', version: change(operations) };
    });
    if (server.mode === 'careful, once without an answer') {
      server.mode = 'careful';
      throw new TypeError('no answer');
    }
    return JSON.stringify({ outcomes });
  };
  host.pull = async ({ cursor }) => {
    server.requests += 1;
    if (server.mode === 'down') throw new TypeError('no network');
    if (server.mode === 'html') return '<html>welcome to our wifi</html>';
    const since = Number(cursor ?? 0);
    const names = [...new Set(server.log.slice(since))];
    const changes = names.map((name) => {
      const [collection, key] = JSON.parse(name);
      const { at, value } = server.documents.get(name);
      return { collection, key, version: `v${at}`, value };
    });
    return JSON.stringify({ changes, cursor: String(server.log.length), more: false });
  };
  return host;
}

export const notices = (host) => JSON.stringify(host.notices);
export const turns = (host) => host.turns;
export const setMode = (server, mode) => { server.mode = mode; };
export const requests = (server) => server.requests;
/// Of each push that was answered, the keys of each entry's operations.
export const pushed = (server) => JSON.stringify(server.pushed);
export const documents = (server) => JSON.stringify([...server.documents].map(([name, { value }]) => [...JSON.parse(name), value]));

/// On the first notice of this kind, `act` is called, while the notice is still being delivered.
export function reactOnce(host, kind, act) {
  host.react = (notice) => {
    if (notice.notice !== kind) return;
    host.react = null;
    act();
  };
}

/// `notify` throws from now on.
export function breakNotify(host) {
  host.notify = () => { throw new Error('a bug of the host'); };
}

/// Events as the page gets them.
export const signal = (name) => (name === 'visibilitychange' ? document : window).dispatchEvent(new Event(name));

/// Listeners that the code between this and the returned function added and did not take away.
export function watchListeners() {
  const left = new Set();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (name, listener, options) {
    if (this === window || this === document) {
      left.add(name);
      options?.signal?.addEventListener('abort', () => left.delete(name));
    }
    return addEventListener.call(this, name, listener, options);
  };
  return () => {
    Object.assign(EventTarget.prototype, { addEventListener, removeEventListener });
    return [...left].sort().join(' ');
  };
}

/// What the code block of the storage guide finds.
export async function exported(code, database) {
  const { queuedWrites } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return JSON.stringify(await queuedWrites(database));
}
