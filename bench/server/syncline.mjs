// Syncline's own protocol as docs/protocol.md has it, as far as the scenarios
// need it: entries of `put` operations in, outcomes out, pulls by position.
// An entry seen before is answered again and not applied again.

import { randomUUID } from 'node:crypto';

const PULL_LIMIT = 1000;

export function synclineEndpoints(documents) {
  const generation = randomUUID();
  const outcomes = new Map();
  const made = new Map();

  const execute = ({ id, operations }, client) => {
    const strange = operations.find(({ op, base }) => op !== 'put' || base !== undefined);
    if (strange) {
      const message = `the bench server takes put without a base, not ${JSON.stringify(strange)}`;
      return { id, outcome: 'rejected', seq: documents.advance(), code: 'unsupported', message };
    }
    let seq = 0;
    for (const { collection, key, value } of operations) {
      seq = documents.put(JSON.stringify([collection, key]), value);
      made.set(seq, { id, client });
    }
    return { id, outcome: 'ok', seq, version: `${generation}.${seq}` };
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
      const page = waiting.slice(0, limit);
      const changes = page.map(({ key, value, seq }) => {
        const [collection, name] = JSON.parse(key);
        return { collection, key: name, version: `${generation}.${seq}`, seq, entryId: made.get(seq).id, value };
      });
      const own = changes.filter(({ seq }) => made.get(seq).client === headers['syncline-client']);
      return {
        generation,
        scope: headers['syncline-scope'],
        request: headers['syncline-request'],
        cursor: String(waiting.length > page.length ? page.at(-1).seq : documents.seq),
        more: waiting.length > page.length,
        changes,
        applied: own.map(({ entryId, version, seq }) => ({ id: entryId, version, seq })),
      };
    },
  };
}
