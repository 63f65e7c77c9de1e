// The WebAssembly module: loaded once for all clients of the page, and started again after a panic.

import load, { __wbg_reset_state } from './syncline.js';

import { SyncError } from './errors.js';

/** How often the module is started again in the life of a page. One that ends more often would only end again. */
const REVIVALS_MAX = 3;

let loading = null;
let revivals = 0;
let ending = null;
const instances = new Set();

/** Loads the module. Calls share one load; after a failure the next call tries again. */
export function init({ wasm } = {}) {
  loading ??= load(wasm === undefined ? undefined : { module_or_path: wasm }).then(
    () => {},
    (cause) => {
      loading = null;
      throw notLoaded(cause);
    },
  );
  return loading;
}

function notLoaded(cause) {
  // Every browser names the policy in the message, and none gives it another type.
  const blocked = cause instanceof WebAssembly.CompileError && /content.security.policy|\bcsp\b|unsafe-eval/i.test(cause.message);
  return new SyncError(blocked ? 'CSP_BLOCKED' : 'WASM_LOAD', `the module cannot be loaded: ${cause?.message ?? cause}`, { cause });
}

/** An instance lives in the module from here on: it is told when the module ends (`lost`), is back (`start`) or gone for good (`end`). */
export function enter(instance) {
  if (ending) throw ending;
  instances.add(instance);
}

export function leave(instance) {
  instances.delete(instance);
}

/**
 * The module has ended in a panic or a trap. Whatever happens to one client happens to all, since they share its memory, and
 * nothing in that memory may be used again. Gives the error for the call that found out.
 */
export function ended(cause) {
  // One panic may be heard of twice: from the call that ran into it, and from the module's panic hook.
  if (ending) return ending;
  const error = new SyncError('WASM_PANIC', `the module has ended: ${cause?.message ?? cause}`, { cause });
  ending = error;
  if (revivals === REVIVALS_MAX) {
    for (const instance of [...instances]) instance.end('dead', error);
    return error;
  }
  revivals += 1;
  for (const instance of instances) instance.lost(error);
  // Frames of the dead module may still be on the stack; none is in a task of its own.
  setTimeout(revive);
  return error;
}

function revive() {
  try {
    __wbg_reset_state();
  } catch (cause) {
    for (const instance of [...instances]) instance.end('dead', new SyncError('WASM_PANIC', 'the module cannot be started again', { cause }));
    return;
  }
  ending = null;
  for (const instance of [...instances]) instance.start();
}
