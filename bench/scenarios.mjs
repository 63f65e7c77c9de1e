// The workloads: what an arm does in which browser, and what must be true
// afterwards. A scenario fills one or more rows of the table.

import { contents, messages } from './messages.mjs';

/**
 * All scenarios. `documents` is the size of the large ones, `samples` how many single writes
 * make a median. `measure` gets an arm with a fresh profile and an empty server and returns
 * `{ row: { ms, note, traffic? } }`; it throws where the arm did not do the job.
 */
export function scenarios({ documents, samples }) {
  const many = documents.toLocaleString('en-US');
  return [
    singleWrites('durable', 'durableOne', { durable_one: `one durable write on top of ${many}, p50` }),
    singleWrites('strict', 'durableOneStrict', { durable_one_strict: `one durable write on top of ${many}, safe from a loss of power, p50` }),
    {
      name: 'many',
      rows: { durable_many: `${many} inserts, not awaited one by one, until all durable` },
      async measure(arm) {
        const cells = await timed(arm, 'durableMany', { count: documents });
        await survived(arm, documents);
        return cells;
      },
    },
    {
      name: 'bulk',
      rows: { bulk: `${many} inserts, one bulk call, until all durable` },
      async measure(arm) {
        const cells = await timed(arm, 'bulk', { count: documents });
        await survived(arm, documents);
        return cells;
      },
    },
    acknowledged('acknowledged-few', 'acknowledged_few', Math.ceil(documents / 10)),
    acknowledged('acknowledged-many', 'acknowledged_many', documents),
    {
      name: 'reopen',
      rows: {
        reopen_one: `reopen with ${many}, until one document is visible`,
        reopen_all: `reopen with ${many}, until all are visible`,
      },
      async measure(arm) {
        await filled(arm, documents);
        const one = await timed(arm, 'reopenOne', { count: documents });
        await arm.close();
        return { ...one, ...(await timed(arm, 'reopenAll', { count: documents })) };
      },
    },
  ];

  function singleWrites(name, step, rows) {
    return {
      name,
      rows,
      async measure(arm) {
        await filled(arm, documents);
        const cells = await timed(arm, step, { count: documents, samples });
        await survived(arm, documents + samples);
        return cells;
      },
    };
  }

  function acknowledged(name, row, count) {
    return {
      name,
      rows: { [row]: `${count.toLocaleString('en-US')} writes, until the server acknowledged all` },
      async measure(arm) {
        const cells = await timed(arm, 'acknowledge', { count, row });
        const { requests, bytes, ...held } = await arm.serverState();
        expect('the server', held, count);
        cells[row].traffic = { requests, bytes };
        return cells;
      },
    };
  }
}

async function timed(arm, step, options) {
  const { result, note } = await arm.run(step, options);
  return Object.fromEntries(Object.entries(result).map(([row, ms]) => [row, { ms, note }]));
}

/** The store of a browser that was used before: full, and nothing left to send. */
async function filled(arm, count) {
  await arm.run('fill', { count });
  await arm.close();
}

/** Kills the browser and reads its store with another one. */
async function survived(arm, count) {
  await arm.kill();
  const { result } = await arm.run('readBack', { count });
  expect('the store of a killed browser', result, count);
}

function expect(where, held, count) {
  const [got, wanted] = [held, contents(messages(count))].map((value) => JSON.stringify(value));
  if (got !== wanted) throw new Error(`${where} holds ${got} instead of ${wanted}`);
}
