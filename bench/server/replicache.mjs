// Replicache's push (version 1) and pull (version 1), after its documentation
// of the row-version strategy: a cookie is a position, a pull answers what
// changed after it and the last mutation of each client that moved since.

export function replicacheEndpoints(documents) {
  const clients = new Map();

  const apply = ({ name, args }) => {
    if (name === 'put') return documents.commit([[args.id, args]]);
    if (name === 'putAll') return documents.commit(args.map((document) => [document.id, document]));
    throw new Error(`unknown mutator ${name}`);
  };

  return {
    'POST /replicache/push': ({ body }) => {
      if (body.pushVersion !== 1) return { error: 'VersionNotSupported', versionType: 'push' };
      for (const mutation of body.mutations) {
        const client = clients.get(mutation.clientID) ?? { group: body.clientGroupID, last: 0, seq: 0 };
        if (mutation.id <= client.last) continue;
        if (mutation.id !== client.last + 1) throw new Error(`mutation ${mutation.id} came after ${client.last}`);
        clients.set(mutation.clientID, { group: client.group, last: mutation.id, seq: apply(mutation) });
      }
      return {};
    },

    'POST /replicache/pull': ({ body }) => {
      if (body.pullVersion !== 1) return { error: 'VersionNotSupported', versionType: 'pull' };
      const since = body.cookie ?? 0;
      const moved = [...clients].filter(([, client]) => client.group === body.clientGroupID && client.seq > since);
      return {
        cookie: documents.seq,
        lastMutationIDChanges: Object.fromEntries(moved.map(([id, client]) => [id, client.last])),
        patch: documents.changedSince(since).map(({ key, value }) => ({ op: 'put', key, value })),
      };
    },
  };
}
