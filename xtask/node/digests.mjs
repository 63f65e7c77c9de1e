// Prints the digests of seeds as the simulator inside the wasm module has them: node digests.mjs MODULE RUNS SEED

import { readFileSync } from "node:fs";

const [path, runs, first] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(path));

// The simulator asks nothing of the browser: whatever the module imports for other uses is a trap here.
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  (imports[from] ??= {})[name] = () => {
    throw new Error(`the simulator called ${name}`);
  };
}
const { exports } = new WebAssembly.Instance(module, imports);
// What is exported has a hash behind its name, which the glue code would know.
const digest = exports[Object.keys(exports).find((name) => /^digest(_|$)/.test(name))];
for (let seed = BigInt(first); seed < BigInt(first) + BigInt(runs); seed += 1n) {
  console.log(`${seed} ${BigInt.asUintN(64, digest(seed)).toString(16).padStart(16, "0")}`);
}
