// A recorded editing session as a list of splices in UTF-16 units, checked against the text that it has to end at.

import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

import { astral } from './astral.mjs';
import { Text } from './text.mjs';

/** Reads a recording; the file may be compressed with gzip. */
export async function read(file) {
  const bytes = await readFile(file);
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return JSON.parse((isCompressed ? gunzipSync(bytes) : bytes).toString('utf8'));
}

/** A recording ready to be typed. */
export class Recording {
  /** The text before the first splice. */
  start;
  /** The text after the last one. */
  end;
  /** `[at, remove, insert]` of each patch, in UTF-16 units. */
  splices = [];
  /** How many edits these patches make up; an edit may have several. */
  edits = 0;

  /**
   * From `{ startContent, endContent, txns: [{ patches: [[at, remove, insert]] }] }`, whose positions count code points.
   * `isAstral`: letters become characters outside the basic plane and combining sequences. `slice`: only so many patches.
   * Throws where the patches do not lead to the end.
   */
  constructor(trace, { isAstral = false, slice = Infinity } = {}) {
    const characters = (text) => Array.from(text, isAstral ? astral : undefined);
    const text = new Text(characters(trace.startContent ?? ''));
    this.start = text.toString();
    const patchesOfAll = trace.txns.reduce((sum, { patches }) => sum + patches.length, 0);
    for (const { patches } of trace.txns) {
      const left = slice - this.splices.length;
      if (left <= 0) break;
      for (const [at, remove, insert] of patches.slice(0, left)) this.splices.push(text.splice(at, remove, characters(insert)));
      this.edits += 1;
    }
    this.end = text.toString();
    const isWhole = this.splices.length === patchesOfAll;
    if (isWhole && this.end !== characters(trace.endContent).join('')) throw new Error('the recording does not end at its endContent');
  }

  /** The texts after no patch, one patch, two patches, and so on. */
  *texts() {
    let text = this.start;
    yield text;
    for (const [at, remove, insert] of this.splices) {
      text = text.slice(0, at) + insert + text.slice(at + remove);
      yield text;
    }
  }

  /** The text after so many patches. */
  textAfter(count) {
    let index = 0;
    for (const text of this.texts()) if (index++ === count) return text;
    throw new RangeError(`the recording has no patch ${count}`);
  }
}
