// Replicache, with the row-version protocol on the server.
//
// A mutator's promise resolves when the change is in memory. What reaches
// IndexedDB does so by `persist`, which Replicache schedules for an idle moment
// about a second later. Where a row is about durability the schedule is off and
// `persist` is called at once, which is the best that Replicache can do.

import { ReplicacheImpl } from 'replicache/impl';

const DURABLE = 'mutators resolved, then persist() called at once instead of its idle schedule, until it resolved';
export const notes = {
  durableOne: DURABLE,
  durableMany: `one mutator call a document; ${DURABLE}, once for all`,
  bulk: `one mutator call for all; ${DURABLE}`,
  acknowledge:
    'not durable first; until the reply to the push with the last mutation has come, ' +
    'which is before the pull by which Replicache itself learns of it',
  reopenOne: 'open and tx.get',
  reopenAll: 'open and tx.scan',
};
export const unable = { durableOneStrict: 'its transactions are relaxed, and no option changes that' };

const mutators = {
  put: (tx, document) => tx.set(document.id, document),
  putAll: async (tx, documents) => {
    for (const document of documents) await tx.set(document.id, document);
  },
};

export async function fill(documents, server) {
  const { replicache } = start(server, { enableScheduledPersist: false });
  await replicache.mutate.putAll(documents);
  while ((await replicache.experimentalPendingMutations()).length > 0) {
    await replicache.push({ now: true });
    await replicache.pull({ now: true });
  }
  await replicache.persist();
  return replicache;
}

export async function open(server) {
  const durable = server === null;
  const { replicache, acknowledged } = start(server, { enableScheduledPersist: !durable });
  await replicache.query(() => undefined);
  const { mutate } = replicache;
  return {
    async write(document) {
      await mutate.put(document);
      await replicache.persist();
    },
    async writeEach(documents) {
      await Promise.all(documents.map((document) => mutate.put(document)));
      await replicache.persist();
    },
    async writeAll(documents) {
      await mutate.putAll(documents);
      await replicache.persist();
    },
    async writeAcknowledged(documents) {
      await Promise.all(documents.map((document) => mutate.put(document)));
      await acknowledged(documents.length);
    },
    one: (key) => replicache.query((tx) => tx.get(key)),
    all: () => replicache.query((tx) => tx.scan().values().toArray()),
  };
}

function start(server, implementation) {
  const pushes = acknowledgements(server);
  const replicache = new ReplicacheImpl(
    {
      name: 'bench',
      mutators,
      logLevel: 'error',
      pullInterval: null,
      pushURL: server === null ? '' : `${server}/replicache/push`,
      pullURL: server === null ? '' : `${server}/replicache/pull`,
      ...(server !== null && { pusher: pushes.pusher }),
    },
    implementation,
  );
  return { replicache, acknowledged: pushes.acknowledged };
}

/** A pusher that does what the default one does, and tells which mutation was acknowledged. */
function acknowledgements(server) {
  let reached = 0;
  let waiting = null;
  return {
    async pusher(body, requestID) {
      const reply = await fetch(`${server}/replicache/push`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-replicache-requestid': requestID },
        body: JSON.stringify(body),
      });
      const errorMessage = reply.ok ? '' : await reply.text();
      if (reply.ok) {
        reached = Math.max(reached, ...body.mutations.map(({ id }) => id));
        if (waiting !== null && reached >= waiting.id) waiting.resolve();
      }
      return { httpRequestInfo: { httpStatusCode: reply.status, errorMessage } };
    },
    acknowledged: (id) =>
      new Promise((resolve) => {
        if (reached >= id) resolve();
        else waiting = { id, resolve };
      }),
  };
}
