// What has to have held over a whole run, and its figures.

/** Of what is older than this when the browser is killed, the mirror has nearly everything. */
const MIRRORED_MS = 100;
const MIRRORED_SHARE = 0.99;
const NAMED = 5;

/** Puts every promise to a verdict, and gives the figures. So many `resets` were asked for; `isAwaited`: a write was durable only when it was mirrored. */
export function judge({ conductor, promises, kept, verdicts, resets, isAwaited }) {
  const found = promises.judge(kept);
  const { doubled, lost, lostWithReset, endedOtherwise, ...counts } = found;
  const named = (writes) => writes.slice(0, NAMED).map((write) => JSON.stringify(write)).join(' ');
  verdicts.kept.must(lost.length === 0, `what was durable is at the server, where there was no reset: ${lost.length} are not, ${named(lost)}`);
  verdicts.kept.must(doubled.length === 0, `nothing is there twice: ${doubled.length} are, ${named(doubled)}`);
  verdicts.kept.must(kept.torn.length === 0, `every value is whole: ${kept.torn.length} are not, ${kept.torn.slice(0, NAMED).join('; ')}`);
  verdicts.kept.must(endedOtherwise.length === 0, `every write that ended was applied, or merged where it was made without its document, which a reset had taken: ${named(endedOtherwise)}`);
  verdicts.kept.must(promises.strange.length === 0, `no page said anything strange: ${promises.strange.slice(0, NAMED).join('; ')}`);
  const reported = judgeReports(conductor, verdicts.resets, resets);
  const recovery = judgeRecovery(conductor, kept, verdicts.resets, isAwaited);
  return {
    ...conductor.figures,
    restartMs: median(conductor.figures.restartMs),
    ...counts,
    inMemory: promises.inMemory,
    doubled: doubled.length,
    lost: lost.length,
    lostWithReset: lostWithReset.length,
    torn: kept.torn.length,
    resetsReported: reported,
    ...recovery,
  };
}

/** Each life of the browser that began with a reset says so once, and no other does. */
function judgeReports({ lives, figures }, verdict, resetsAsked) {
  const told = ({ reports }) => reports.filter(({ reset }) => reset).length;
  const silent = lives.filter((life) => life.wasReset && told(life) === 0).length;
  const repeated = lives.filter((life) => told(life) > 1).length;
  const invented = lives.filter((life) => !life.wasReset && told(life) > 0).length;
  const { natural, made } = figures.resets;
  verdict.must(natural + made >= resetsAsked, `so many resets are seen as were asked for: ${natural + made} of ${resetsAsked}`);
  verdict.must(silent === 0, `each reset is reported: ${silent} of ${natural + made} are not`);
  verdict.must(repeated === 0, `each is reported once: ${repeated} are reported more often`);
  verdict.must(invented === 0, `no reset is reported that was none: ${invented} are`);
  return lives.filter((life) => life.wasReset && told(life) > 0).length;
}

/**
 * What was promised before a reset came back, or is counted in its report. What was not heard of here may have been stored all the
 * same, and be among what the client counts.
 */
function judgeRecovery({ resets }, kept, verdict, isAwaited) {
  const isBack = (write) => kept.times(write) > 0;
  const risks = new Map();
  const eachReset = [];
  let [reportedRecovered, reportedLost, unknown, isTold] = [0, 0, 0, resets.length > 0];
  for (const [at, { made, at: killedAt, risked, missing, unheard, reports }] of resets.entries()) {
    for (const write of missing.filter((write) => !risks.has(write))) risks.set(write, write.durableAt < killedAt - MIRRORED_MS);
    const report = reports.find(({ reset }) => reset);
    eachReset.push({ made, atRisk: missing.length, back: missing.filter(isBack).length, gone: kinds(missing.filter((write) => !isBack(write))), report: report ?? null });
    isTold &&= report !== undefined && report.lost !== null;
    if (report === undefined) continue;
    reportedRecovered += report.recovered;
    reportedLost += report.lost ?? 0;
    unknown += unheard.length;
    const [least, most] = [missing.filter(isBack).length, risked.length + unheard.length];
    verdict.must(report.recovered >= least && report.recovered <= most, `reset ${at + 1}: the report says that ${report.recovered} came back, and it was ${least} to ${most}`);
  }
  const atRisk = [...risks.keys()];
  const recovered = atRisk.filter(isBack);
  const old = atRisk.filter((write) => risks.get(write));
  const oldRecovered = old.filter(isBack);
  const gone = atRisk.length - recovered.length;
  if (isAwaited) verdict.must(gone === 0, `all writes come back: ${recovered.length} of ${atRisk.length}`);
  else verdict.must(oldRecovered.length >= old.length * MIRRORED_SHARE, `of the writes older than ${MIRRORED_MS} ms 99 % come back: ${oldRecovered.length} of ${old.length}`);
  // A report may say that nobody can know how many are lost, unless each was mirrored before it was durable.
  const isCounted = isTold && reportedLost >= gone && reportedLost <= gone + unknown;
  const said = isTold ? reportedLost : 'nobody knows how many';
  if (isTold || isAwaited) verdict.must(isCounted || resets.length === 0, `the reports say that ${said} are lost, and ${gone} are, and at most ${unknown} of which nothing was heard`);
  return { atRisk: atRisk.length, recovered: recovered.length, oldAtRisk: old.length, oldRecovered: oldRecovered.length, reportedRecovered, reportedLost, lostUncounted: isTold ? 0 : gone, eachReset };
}

/** How many there are of each kind. */
function kinds(writes) {
  const counts = {};
  for (const { kind } of writes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function median(list) {
  return [...list].sort((one, other) => one - other)[list.length >> 1] ?? null;
}
