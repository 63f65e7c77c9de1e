// Syncline's own protocol as docs/protocol.md has it, as far as the scenarios
// need it: entries of `put` operations in, outcomes out, pulls by position.
// An entry seen before is answered again and not applied again.

import { randomUUID } from 'node:crypto';

const PULL_LIMIT = 1000;

export function synclineEndpoints(documents) {
  const generation = randomUUID();
  const outcomes = new Map();
  const made = new Map();
  const version = (seq) => (seq === undefined ? null : `${generation}.${seq}`);

  const execute = ({ id, operations }, client) => {
    const named = operations.map((operation) => ({ ...operation, address: JSON.stringify([operation.collection, operation.key]) }));
    const strange = named.find(({ op }) => op !== 'put');
    if (strange) {
      return { id, outcome: 'rejected', seq: documents.commit([]), code: 'unsupported', message: `no ${strange.op} here` };
    }
    // A clash cannot come about between one client and this server: it would be a fault, and the run fails.
    const clash = named.find(({ address, base }) => base !== undefined && base !== version(documents.seqOf(address)));
    if (clash) {
      return { id, outcome: 'rejected', seq: documents.commit([]), code: 'clash', message: `${clash.key} is not at ${clash.base}` };
    }
    const seq = documents.commit(named.map(({ address, value }) => [address, value]));
    made.set(seq, { id, client });
    return { id, outcome: 'ok', seq, version: version(seq) };
  };

  return {
    'POST /sync/push': ({ body, headers }) => ({
      generation,
      scope: headers['syncline-scope'],
      outcomes: body.entries.map((entry) => {
        let outcome = outcomes.get(entry.id);
        if (outcome === undefined) {
          outcome = execute(entry, headers['syncline-client']);
          outcomes.set(entry.id, outcome);
        }
        return outcome;
      }),
    }),

    'GET /sync/pull': ({ query, headers }) => {
      const since = Number(query.get('since') ?? 0);
      const limit = Math.min(Number(query.get('limit') ?? PULL_LIMIT), PULL_LIMIT);
      const waiting = documents.changedSince(since);
      let end = Math.min(limit, waiting.length);
      // A page never ends inside an entry.
      while (end < waiting.length && waiting[end].seq === waiting[end - 1].seq) end += 1;
      const page = waiting.slice(0, end);
      const changes = page.map(({ key, value, seq }) => {
        const [collection, name] = JSON.parse(key);
        return { collection, key: name, version: version(seq), seq, entryId: made.get(seq).id, value };
      });
      const more = waiting.length > page.length;
      const ended = more ? page.at(-1).seq : documents.seq;
      const applied = [];
      for (let seq = since + 1; seq <= ended; seq += 1) {
        const entry = made.get(seq);
        if (entry?.client === headers['syncline-client']) applied.push({ id: entry.id, version: version(seq), seq });
      }
      return {
        generation,
        scope: headers['syncline-scope'],
        request: headers['syncline-request'],
        cursor: String(ended),
        more,
        changes,
        applied,
      };
    },
  };
}
