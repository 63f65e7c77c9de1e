// A text as the recordings see it, whose positions count characters, told in the positions of JavaScript, which count UTF-16
// units. It is kept in chunks: neither a position nor an edit costs more in a long text than in a short one.

/** Most characters in a chunk; one that has more is divided. */
const CHUNK_MAX = 1024;

/** A text of characters. Each is a string of one or more UTF-16 units, and is inserted and removed as a whole. */
export class Text {
  #chunks;

  constructor(characters) {
    this.#chunks = divided(characters);
  }

  /**
   * Puts `characters` in place of `remove` characters from position `at` on, and says which splice of UTF-16 units that is:
   * `[at, remove, insert]`. Throws a RangeError where the text has no such range.
   */
  splice(at, remove, characters) {
    let [index, within, unitsAt] = this.#find(at);
    const unitsRemoved = this.#remove(index, within, remove);
    const chunk = this.#chunks[index];
    const inserted = characters.join('');
    for (let from = 0; from < characters.length; from += CHUNK_MAX) {
      // Piece by piece: a call has a limit on its arguments.
      const piece = characters.slice(from, from + CHUNK_MAX);
      chunk.characters.splice(within + from, 0, ...piece);
    }
    chunk.units += inserted.length;
    const fits = chunk.characters.length > 0 && chunk.characters.length <= CHUNK_MAX;
    if (!fits) this.#chunks.splice(index, 1, ...divided(chunk.characters, this.#chunks.length > 1));
    return [unitsAt, unitsRemoved, inserted];
  }

  toString() {
    return this.#chunks.map(({ characters }) => characters.join('')).join('');
  }

  /** Where a position is: the chunk, the place in it, and the UTF-16 units before it. */
  #find(at) {
    let left = at;
    let units = 0;
    for (const [index, chunk] of this.#chunks.entries()) {
      if (left <= chunk.characters.length) return [index, left, units + width(chunk.characters, 0, left)];
      left -= chunk.characters.length;
      units += chunk.units;
    }
    throw new RangeError(`there is no position ${at}`);
  }

  /** Removes characters that may reach into later chunks, and gives the number of their UTF-16 units. */
  #remove(first, within, count) {
    let left = count;
    let units = 0;
    for (let index = first, from = within; left > 0; from = 0) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) throw new RangeError(`${left} of ${count} characters to remove are not there`);
      const here = Math.min(left, chunk.characters.length - from);
      const removed = width(chunk.characters, from, from + here);
      chunk.characters.splice(from, here);
      chunk.units -= removed;
      units += removed;
      left -= here;
      if (chunk.characters.length === 0 && index > first) this.#chunks.splice(index, 1);
      else index += 1;
    }
    return units;
  }
}

function width(characters, from, to) {
  let units = 0;
  for (let index = from; index < to; index += 1) units += characters[index].length;
  return units;
}

/** Chunks with room to grow; one empty chunk for an empty text, unless others remain. */
function divided(characters, others = false) {
  const chunks = [];
  for (let from = 0; from < characters.length; from += CHUNK_MAX / 2) {
    const piece = characters.slice(from, from + CHUNK_MAX / 2);
    chunks.push({ characters: piece, units: width(piece, 0, piece.length) });
  }
  return chunks.length > 0 || others ? chunks : [{ characters: [], units: 0 }];
}
