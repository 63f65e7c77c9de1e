// From single measurements to one JSON object and a table made from it.

const FLOOR = 'floor';
const SUBJECT = 'syncline';

/** The middle one, the mean of the two in the middle where there are two. */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** One row: `cells` has for each peer a list of `{ ms, note, traffic? }`, `{ unable }` or `{ error }`. */
export function rowResult(title, cells) {
  const arms = Object.fromEntries(Object.entries(cells).map(([peer, list]) => [peer, armResult(list)]));
  const ratios = {};
  for (const [peer, own] of Object.entries(arms)) {
    for (const other of peer === SUBJECT ? Object.keys(arms) : [FLOOR]) {
      const against = arms[other]?.median ?? null;
      if (other === peer || own.median === null || against === null) continue;
      ratios[`${peer}_to_${other}`] = round(own.median / against);
    }
  }
  return { title, unit: 'ms', arms, ratios };
}

function armResult(list) {
  const nothing = { median: null, min: null, max: null };
  const failed = list.find(({ error }) => error !== undefined);
  if (failed) return { ...nothing, error: failed.error };
  const [{ unable, note }] = list;
  if (unable) return { ...nothing, note: unable };
  const times = list.map(({ ms }) => ms);
  const result = {
    median: round(median(times)),
    min: round(Math.min(...times)),
    max: round(Math.max(...times)),
    rounds: times.length,
    note,
  };
  const traffic = list.map((cell) => cell.traffic).filter(Boolean);
  if (traffic.length > 0) {
    result.requests = median(traffic.map(({ requests }) => requests));
    result.bytes = median(traffic.map(({ bytes }) => bytes));
  }
  return result;
}

/** Three significant figures: more is noise. */
function round(value) {
  return Number(value.toPrecision(3));
}

/** The table for people; every figure in it is one of `results`. */
export function table({ scenarios, peers, notMeasured }) {
  const subject = peers.includes(SUBJECT);
  const others = peers.filter((peer) => peer !== SUBJECT);
  const ratioColumns = subject
    ? others.map((peer) => [SUBJECT, peer])
    : others.filter((peer) => peer !== FLOOR && others.includes(FLOOR)).map((peer) => [peer, FLOOR]);
  const header = ['workload, ms', ...peers, ...ratioColumns.map(([one, other]) => `${one} ÷ ${other}`)];
  const lines = [header, header.map(() => '---')];
  for (const { title, arms, ratios } of Object.values(scenarios)) {
    lines.push([
      title,
      ...peers.map((peer) => figure(arms[peer])),
      ...ratioColumns.map(([one, other]) => ratios[`${one}_to_${other}`] ?? '–'),
    ]);
  }
  const remarks = [
    ...peers.flatMap((peer) => remarksOn(peer, scenarios)),
    ...Object.entries(notMeasured).map(([peer, reason]) => `${peer}: not measured (${reason})`),
  ];
  return [...lines.map((cells) => `| ${cells.join(' | ')} |`), '', ...remarks.map((remark) => `- ${remark}`)].join('\n');
}

/** What was waited for, once for all the rows that it holds for. */
function remarksOn(peer, scenarios) {
  const rowsByRemark = new Map();
  for (const [row, { arms }] of Object.entries(scenarios)) {
    const { note, error } = arms[peer];
    const remark = error === undefined ? note : `FAILED, ${error}`;
    rowsByRemark.set(remark, [...(rowsByRemark.get(remark) ?? []), row]);
  }
  return [...rowsByRemark].map(([remark, rows]) => `${peer}, ${rows.join(' and ')}: ${remark}`);
}

function figure({ median, min, max, requests, error }) {
  if (error !== undefined) return 'FAILED';
  if (median === null) return '–';
  const traffic = requests === undefined ? '' : `, ${requests} requests`;
  return `${median} (${min}–${max}${traffic})`;
}
