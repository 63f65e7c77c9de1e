// The page of one arm: loads the adapter that the address names and waits to
// be told which step to run.

import * as steps from './steps.mjs';

async function load() {
  const peer = new URLSearchParams(location.search).get('peer');
  return import(`/${peer}.js`);
}

const adapter = load();

/** Runs one step: its result and how the arm does it, or `unable` with the reason. */
globalThis.bench = async (step, options) => {
  const peer = await adapter;
  if (peer.unable[step]) return { unable: peer.unable[step] };
  return { result: await steps[step](peer, options), note: peer.notes[step] };
};
