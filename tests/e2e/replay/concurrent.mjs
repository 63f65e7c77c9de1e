// A recording of two who typed into one text at once, as edits that say what they mean in any text: each character is one of its own,
// and each edit says behind which character it writes, which ones it takes away, and what of the other's its writer had seen.

/** Where the characters are that nobody else uses: U+F0000 and on. */
const PLANE = 0xf0000;
/** So many there are in that plane, but for the two at its end that are none. */
const CHARACTERS_MAX = 0xfffd;

/** Whether several typed into it. */
export const isConcurrent = (trace) => trace.txns.some(({ agent }) => agent > 0);

/**
 * `{ edits, survivors, characters }` of the first `slice` edits. An edit is `{ agent, needs, steps }`: `needs` is how many edits of the
 * other have to be seen before, and a step is `[behind, taken, written]`: a character, or nothing for the beginning, and two texts.
 * `survivors` are the characters that are there at the end, in the recording's order, and `place(character)` says where in that order
 * any of them is. Throws where the whole recording does not lead to its end.
 */
export function concurrent({ txns, endContent }, slice = txns.length) {
  const order = new Sequence();
  const written = [];
  const counts = [0, 0];
  const known = [];
  const edits = txns.slice(0, slice).map(({ agent, parents, patches }, index) => {
    // What each of both had typed that this edit's writer had seen.
    const seen = counts.map((count, who) => (who === agent ? count : 0));
    for (const parent of parents) known[parent].forEach((count, who) => (seen[who] = Math.max(seen[who], count)));
    const number = ++counts[agent];
    const steps = patches.map(([at, remove, insert]) => {
      const { behind, taken, from } = order.find(seen, at, remove);
      for (const item of taken) item.gone[agent] = Math.min(item.gone[agent], number);
      const items = [...insert].map((plain) => {
        written.push(plain);
        if (written.length > CHARACTERS_MAX) throw new Error('the recording has more characters than there are');
        return { character: String.fromCodePoint(PLANE + written.length - 1), agent, number, gone: [Infinity, Infinity] };
      });
      order.insert(from, items);
      seen[agent] = number;
      return [behind?.character ?? null, taken.map(({ character }) => character).join(''), items.map(({ character }) => character).join('')];
    });
    seen[agent] = number;
    known[index] = seen;
    return { agent, needs: seen[1 - agent], steps };
  });
  const survivors = order.items.filter(({ gone }) => gone.every((number) => number === Infinity)).map(({ character }) => character);
  const plain = survivors.map((character) => written[character.codePointAt(0) - PLANE]).join('');
  if (slice >= txns.length && plain !== endContent) throw new Error('the recording does not lead to its own end');
  const places = new Map(order.items.map(({ character }, place) => [character, place]));
  return { edits, survivors, order: order.items.map(({ character }) => character), place: (character) => places.get(character) };
}

/** All characters that there ever were, in order. */
class Sequence {
  items = [];

  /** What is at a position of the text of somebody who has seen so many edits of each. */
  find(seen, at, remove) {
    const isSeen = ({ agent, number, gone }) => number <= seen[agent] && gone.every((by, who) => by > seen[who]);
    let place = 0;
    let behind;
    for (let left = at; left > 0; place += 1) {
      if (place === this.items.length) throw new RangeError('the text is shorter than the recording says');
      if (!isSeen(this.items[place])) continue;
      behind = this.items[place];
      left -= 1;
    }
    const taken = [];
    for (let there = place; taken.length < remove; there += 1) if (isSeen(this.items[there])) taken.push(this.items[there]);
    return { behind, taken, from: place };
  }

  insert(place, items) {
    this.items.splice(place, 0, ...items);
  }
}

/** How many of these characters stand in the recording's order, as far as that goes: the longest row of them that does. */
export function inOrder(characters, place) {
  const ends = [];
  for (const at of characters.map(place)) {
    let low = 0;
    for (let high = ends.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (ends[middle] < at) low = middle + 1;
      else high = middle;
    }
    ends[low] = at;
  }
  return ends.length;
}
