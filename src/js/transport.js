// The app's side of the wire, as the module calls it.

import { check } from './errors.js';

const OPERATIONS = ['put', 'delete', 'patch', 'increment', 'append', 'splice'];

/**
 * What a transport means for the module: who answers (`kind`), the server's address, what the backend is `capable` of, and
 * functions of the app. Where there is `auth`, its token goes with each request. `feed` is one that can be pulled.
 */
export function bind(transport, auth, feed) {
  const { host, ...bound } = bindTo(transport, auth, feed);
  return { ...bound, host: auth ? auth.guard(host) : host };
}

function bindTo(transport, auth, feed) {
  if (transport === undefined) return { kind: 'none', url: '', host: {} };
  const { url, headers, fetch, push, pull, ping, groups = false, level = 'C', accepts = ['put', 'delete'] } = transport;
  if (url !== undefined) {
    check(push === undefined && pull === undefined, 'a transport has a url, or push and pull');
    const given = () => (typeof headers === 'function' ? headers() : headers || undefined);
    const host = {
      headers: auth ? async () => auth.into(await given()) : given,
      fetch: (...call) => (fetch || globalThis.fetch)(...call),
    };
    return { kind: 'protocol', url: absolute(url), host };
  }
  check(typeof push === 'function' && typeof pull === 'function', 'a transport has a url, or push and pull');
  check(['A', 'B', 'C'].includes(level), 'level is "A", "B" or "C"');
  const isList = Array.isArray(accepts) && accepts.every((name) => OPERATIONS.includes(name)) && accepts.includes('put');
  check(isList, 'accepts is a list of operations with "put" among them');
  const lent = (context) => ({ ...context, auth: auth?.token ?? null });
  return {
    kind: 'functions',
    url: '',
    capable: { groups: groups === true, level, accepts },
    host: {
      push: async (entries, context) => {
        const answer = await push.call(transport, JSON.parse(entries), lent(context));
        return JSON.stringify(Array.isArray(answer) ? { outcomes: answer } : answer);
      },
      pull: async ({ cursor, ...context }) => JSON.stringify(await pull.call(transport, cursor ?? null, lent(context))),
      // Without a ping of its own, a pull of one change says as well whether anybody is there.
      ping: async (context) => void (await (ping ? ping.call(transport, lent(context)) : pull.call(transport, null, { ...lent(context), feed, limit: 1 }))),
    },
  };
}

/** The address that the endpoints' names are added to. */
function absolute(url) {
  const base = globalThis.location?.href;
  check(URL.canParse(url, base), `"${url}" is not an address`);
  const { href, search, hash } = new URL(url, base);
  check(search === '' && hash === '', 'the address of a transport has no query');
  return href;
}
