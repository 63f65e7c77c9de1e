// The floor's endpoint: a batch of entries in, one outcome an entry out.
// An entry seen before is answered again and not applied again.

export function floorEndpoints(documents) {
  const outcomes = new Map();
  return {
    'POST /floor/batch': ({ body }) => ({
      outcomes: body.entries.map(({ id, key, value }) => {
        let outcome = outcomes.get(id);
        if (outcome === undefined) {
          outcome = { id, outcome: 'ok', version: documents.commit([[key, value]]) };
          outcomes.set(id, outcome);
        }
        return outcome;
      }),
    }),
  };
}
