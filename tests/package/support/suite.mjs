// A few lines of test runner: named tests, one after the other, and the closing line that `cargo xtask test` reads.

let passed = 0;
let failed = 0;

/** Runs one test; what it throws is its failure. */
export async function test(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}`);
    console.log(error?.stack ?? error);
  }
}

/** Prints the closing line and sets the exit code. */
export function close() {
  console.log(`# passed ${passed} failed ${failed} skipped 0`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
