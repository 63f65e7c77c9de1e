// What both sides have changed and no rule settles, until somebody decides.

import { parts } from './parts.js';

export function showConflicts(client, view) {
  view.conflicts.setAttribute('aria-label', 'Changed on both sides');

  client.conflicts.subscribe((all) => {
    view.conflictList.replaceChildren(...all.map(makeRow));
    view.conflicts.hidden = all.length === 0;
  });

  function makeRow({ key, base, mine, theirs, fields, resolve }) {
    const row = parts('conflict');
    row.root.dataset.conflict = key;
    const named = fields.map((place) => place.slice(1));
    const [field = ''] = named;
    const say = (document) => named.map((name) => `“${document?.[name] ?? ''}”`).join(', ');
    row.why.textContent = base?.[field] === undefined ? `Both have set ${named.join(' and ')}.` : `It was ${say(base)}.`;
    row.mine.textContent = `Keep ${say(mine)}`;
    row.theirs.textContent = `Take ${say(theirs)}`;
    decide(row.mine, 'click', () => ({ take: 'mine' }));
    decide(row.theirs, 'click', () => ({ value: { ...mine, ...Object.fromEntries(named.map((name) => [name, theirs?.[name]])) } }));
    decide(row.otherForm, 'submit', () => ({ value: { ...mine, [field]: row.other.value.trim() } }));

    /** Does what was decided; where something has moved meanwhile, the row says so, and another one takes its place. */
    function decide(element, event, decision) {
      element.addEventListener(event, async (happened) => {
        happened.preventDefault();
        row.root.inert = true;
        await resolve(decision()).catch((error) => (row.why.textContent = `${error.code}: ${error.message}`));
        row.root.inert = false;
      });
    }
    return row.root;
  }
}
