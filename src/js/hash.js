// xxHash64 with seed 0, as the module has it: the names of databases say a user's scope by its hash, and they are needed where the
// module cannot be loaded, too.

const [P1, P2, P3, P4, P5] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n];

const word = (number) => BigInt.asUintN(64, number);
const turned = (number, by) => word(number << by) | (number >> (64n - by));
const round = (sum, lane) => word(turned(word(sum + lane * P2), 31n) * P1);

/** The hash of a text's UTF-8 bytes, as 16 hexadecimal digits. */
export function hash(text) {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer);
  const lane = (at) => view.getBigUint64(at, true);
  let [sum, at] = [P5, 0];
  if (bytes.length >= 32) {
    let sums = [P1 + P2, P2, 0n, -P1].map(word);
    for (; at + 32 <= bytes.length; at += 32) sums = sums.map((one, index) => round(one, lane(at + 8 * index)));
    sum = sums.reduce((all, one, index) => all + turned(one, [1n, 7n, 12n, 18n][index]), 0n);
    for (const one of sums) sum = word((sum ^ round(0n, one)) * P1 + P4);
  }
  sum = word(sum + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) sum = word(turned(sum ^ round(0n, lane(at)), 27n) * P1 + P4);
  if (at + 4 <= bytes.length) {
    sum = word(turned(sum ^ word(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < bytes.length; at += 1) sum = word(turned(sum ^ word(BigInt(bytes[at]) * P5), 11n) * P1);
  sum = word((sum ^ (sum >> 33n)) * P2);
  sum = word((sum ^ (sum >> 29n)) * P3);
  return (sum ^ (sum >> 32n)).toString(16).padStart(16, '0');
}
