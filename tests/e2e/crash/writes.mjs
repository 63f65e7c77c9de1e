// What is written: each write has a mark of its own, and what it makes can be told from the mark, so that whatever comes out torn is
// noticed.

const CARDS = 12;
const LEDGERS = 3;
/** Rounds that write the same ledgers and texts; then others are taken, so that none grows for ever. */
export const ROUNDS_A_BLOCK = 20;
const DOTS = 400;

const MARK = /m\d+-\d+/g;

/** The document that a write with this mark makes. */
export function card(mark) {
  let mixed = 17;
  for (const letter of mark) mixed = (Math.imul(mixed, 31) + letter.charCodeAt(0)) >>> 0;
  return { mark, body: `${mixed.toString(36)}/`.repeat(1 + (mixed % 40)) };
}

const token = (mark) => `<${mark}>`;

/** The marks that a text names. */
export const marksIn = (text) => text.match(MARK) ?? [];

/** The documents that have to be there before the first round of a block. */
export function grounds(block) {
  const list = [];
  for (let at = 0; at < LEDGERS; at += 1) list.push({ kind: 'put', collection: 'ledgers', key: `b${block}-${at}`, value: { marks: [], count: 0 } });
  list.push({ kind: 'put', collection: 'texts', key: `b${block}`, value: { text: '' } });
  return list.map((write, at) => ({ mark: `m0-${block * 10 + at}`, ...write }));
}

/** A few writes that a tab makes in one go. `next()` gives a mark. */
export function drawn(dice, block, tab, next) {
  const list = [];
  for (let left = 1 + dice.below(6); left > 0; left -= 1) list.push(...one(dice, block, tab, next));
  return list;
}

function one(dice, block, tab, next) {
  const mark = next();
  const value = card(mark);
  const ledger = { collection: 'ledgers', key: `b${block}-${dice.below(LEDGERS)}` };
  switch (dice.below(9)) {
    case 0:
    case 1:
      return [{ mark, kind: 'put', collection: 'cards', key: `c${dice.below(CARDS)}`, value }];
    case 2:
      return [{ mark, kind: 'update', collection: 'cards', key: `c${dice.below(CARDS)}`, value }];
    case 3: {
      const key = `d${mark}`;
      return [{ mark, kind: 'put', collection: 'briefs', key, value }, { mark: next(), kind: 'delete', collection: 'briefs', key }];
    }
    case 4:
      return [{ mark, kind: 'group', collection: 'pairs', keys: [`l${mark}`, `r${mark}`], value }];
    case 5:
      return [{ mark, kind: 'increment', ...ledger }];
    case 6:
    case 7:
      return [{ mark, kind: 'append', ...ledger, item: mark }];
    default:
      return dice.below(2) === 0 ? [{ mark, kind: 'splice', collection: 'texts', key: `b${block}`, token: token(mark), roll: null }] : typed(dice, tab, mark, next);
  }
}

/**
 * A text that all tabs write to grows at its end. What several people change elsewhere in one text is merged, so that both versions of a
 * place may stay: where each write takes a dot's place, a tab has a text of its own.
 */
function typed(dice, tab, mark, next) {
  const place = { collection: 'texts', key: `t${tab.number}` };
  const splice = { mark, kind: 'splice', ...place, token: token(mark), roll: dice.below(DOTS) };
  if (tab.hasText) return [splice];
  tab.hasText = true;
  return [{ mark: next(), kind: 'put', ...place, value: { text: '.'.repeat(DOTS) } }, splice];
}

/** What is wrong with a value that the server was given; `null` where nothing is. */
export function torn(collection, value) {
  switch (collection) {
    case 'cards':
    case 'pairs':
    case 'briefs':
      return typeof value?.mark === 'string' && JSON.stringify(card(value.mark)) === JSON.stringify({ mark: value.mark, body: value.body }) ? null : 'it is what no write made';
    case 'ledgers':
      return Array.isArray(value?.marks) && Number.isSafeInteger(value.count) && value.marks.every((mark) => typeof mark === 'string' && marksIn(mark).join() === mark) ? null : 'it is no ledger';
    case 'texts':
      return typeof value?.text === 'string' && value.text.replace(/<m\d+-\d+>/g, '').replaceAll('.', '') === '' ? null : 'its text is in pieces';
    default:
      return 'nobody writes this collection';
  }
}
