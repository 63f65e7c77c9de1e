// The app's side of the wire, as the module calls it.

import { check } from './errors.js';

/** What a transport means for the module: who answers (`kind`), where (`url`), and functions of the app (`host`). */
export function bind(transport) {
  if (transport === undefined) return { kind: 'none', url: '', host: {} };
  const { url, headers, fetch, push, pull, ping } = transport;
  if (url !== undefined) {
    check(push === undefined && pull === undefined, 'a transport has a url, or push and pull');
    const host = {
      ...(headers && { headers: readHeaders(headers) }),
      ...(fetch && { fetch: (...call) => fetch(...call) }),
    };
    return { kind: 'protocol', url: folder(url), host };
  }
  check(typeof push === 'function' && typeof pull === 'function', 'a transport has a url, or push and pull');
  return {
    kind: 'functions',
    url: '',
    host: {
      push: async (entries, context) => {
        const answer = await push.call(transport, JSON.parse(entries), context);
        return JSON.stringify(Array.isArray(answer) ? { outcomes: answer } : answer);
      },
      pull: async ({ cursor, ...context }) => JSON.stringify(await pull.call(transport, cursor ?? null, context)),
      ...(ping && { ping: (context) => ping.call(transport, context) }),
    },
  };
}

/** The absolute address that the endpoints' names are added to. */
function folder(url) {
  const base = globalThis.location?.href;
  check(URL.canParse(url, base), `"${url}" is not an address`);
  const address = new URL(url, base);
  if (!address.pathname.endsWith('/')) address.pathname += '/';
  return address.href;
}

function readHeaders(headers) {
  return async () => Object.fromEntries(new Headers(typeof headers === 'function' ? await headers() : headers));
}
