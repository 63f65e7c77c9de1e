// The app's side of the wire, as the module calls it.

import { check } from './errors.js';

/** What a transport means for the module: who answers (`kind`), the server's address, whether groups are refused (`false`), and functions of the app. */
export function bind(transport) {
  if (transport === undefined) return { kind: 'none', url: '', host: {} };
  const { url, headers, fetch, push, pull, ping, groups } = transport;
  if (url !== undefined) {
    check(push === undefined && pull === undefined, 'a transport has a url, or push and pull');
    const host = {
      headers: () => (typeof headers === 'function' ? headers() : headers || undefined),
      fetch: (...call) => (fetch || globalThis.fetch)(...call),
    };
    return { kind: 'protocol', url: absolute(url), host };
  }
  check(typeof push === 'function' && typeof pull === 'function', 'a transport has a url, or push and pull');
  return {
    kind: 'functions',
    url: '',
    groups: groups === true,
    host: {
      push: async (entries, context) => {
        const answer = await push.call(transport, JSON.parse(entries), context);
        return JSON.stringify(Array.isArray(answer) ? { outcomes: answer } : answer);
      },
      pull: async ({ cursor, ...context }) => JSON.stringify(await pull.call(transport, cursor ?? null, context)),
      // Without a ping of its own, a pull of one change says as well whether anybody is there.
      ping: async (context) => void (await (ping ? ping.call(transport, context) : pull.call(transport, null, { ...context, feed: 'main', limit: 1 }))),
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
