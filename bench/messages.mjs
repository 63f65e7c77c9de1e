// The documents of every scenario: chat messages of about 300 bytes as JSON,
// the same ones for every arm and every run, made from a seed.

const WORDS = (
  'the train was late again so we walked along the river and talked about how a small tool ' +
  'should behave when the network goes away in the middle of a sentence it keeps what you wrote ' +
  'shows that it is waiting and sends it once when the line is back nobody has to ask twice'
).split(' ');
const AUTHORS = ['ada', 'grace', 'edsger', 'barbara', 'tony', 'frances', 'john', 'radia'];
const FIRST_AT = Date.UTC(2025, 0, 6, 8, 0, 0);
const TEXT_LENGTH = 170;

/** A repeatable stream of fractions in [0, 1) from a 32-bit seed (mulberry32). */
function fractions(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** `count` messages; the first n of a longer list are the list of length n. */
export function messages(count, seed = 1) {
  const next = fractions(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  return Array.from({ length: count }, (_, index) => {
    let text = pick(WORDS);
    while (text.length < TEXT_LENGTH) text += ` ${pick(WORDS)}`;
    return {
      id: `message-${String(index).padStart(7, '0')}`,
      thread: `thread-${Math.floor(next() * 40)}`,
      author: pick(AUTHORS),
      role: next() < 0.5 ? 'user' : 'assistant',
      at: new Date(FIRST_AT + index * 1500).toISOString(),
      tokens: Math.floor(next() * 400),
      text,
    };
  });
}

/** How many documents there are and what is in them, whatever their order. */
export function contents(documents) {
  const lines = documents.map((document) => canonical(document)).sort();
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (const line of lines) {
    for (let at = 0; at <= line.length; at += 1) {
      const unit = at < line.length ? line.charCodeAt(at) : 10;
      low = Math.imul(low ^ unit, 2654435761);
      high = Math.imul(high ^ unit, 1597334677);
    }
  }
  const hex = (half) => (half >>> 0).toString(16).padStart(8, '0');
  return { count: lines.length, checksum: hex(low) + hex(high) };
}

/** A flat document as JSON with its members in order of name. */
function canonical(document) {
  return JSON.stringify(document, Object.keys(document).sort());
}
