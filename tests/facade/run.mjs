// Runs every facade test and closes with the line that the test command counts by.
//   node tests/facade/run.mjs

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const files = readdirSync(here).filter((name) => name.endsWith('.test.mjs')).map((name) => join(here, name));
const counts = { passed: 0, failed: 0, skipped: 0 };

// A file is reported as a test around its tests; only those inside count.
const counted = ({ details, skip, name }) => details.type !== 'suite' && !files.includes(name) && skip === undefined;
const stream = run({ files });
stream.on('test:pass', (test) => {
  if (counted(test)) counts.passed += 1;
  else if (test.skip !== undefined) counts.skipped += 1;
});
stream.on('test:fail', () => {
  counts.failed += 1;
  process.exitCode = 1;
});
stream.on('end', () => console.log(`# passed ${counts.passed} failed ${counts.failed} skipped ${counts.skipped}`));
stream.compose(new spec()).pipe(process.stdout);
