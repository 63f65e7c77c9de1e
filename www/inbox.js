// What the server refused, until somebody has decided: try it again, send something else instead, or give it up.

import { parts } from './parts.js';

export function showInbox(client, view) {
  const rows = new Map();
  view.inbox.setAttribute('aria-label', 'Refused by the server');

  client.inbox.subscribe((items) => {
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.root.remove();
      rows.delete(id);
    }
    for (const item of items) if (!rows.has(item.id)) rows.set(item.id, makeRow(item));
    view.inbox.hidden = items.length === 0;
  });

  function makeRow(item) {
    const row = parts('refusal');
    row.root.dataset.refused = item.id;
    const todo = item.documents.find(({ collection, local }) => collection === 'todos' && local !== null);
    const title = todo?.local.title;
    row.why.textContent = `${title === undefined ? 'A change' : `“${title}”`}: ${item.error.message}`;
    row.edit.value = title ?? '';
    row.edit.setAttribute('aria-label', 'What to send instead');
    row.editForm.hidden = todo === undefined;
    act(row.editForm, 'submit', () => sendInstead(item, todo, row.edit.value.trim()));
    act(row.retry, 'click', () => client.inbox.retry(item.id));
    act(row.discard, 'click', () => client.inbox.discard(item.id));
    view.refused.append(row.root);

    /** Does what was decided; where that fails, the row says why and stays. */
    function act(element, event, decide) {
      element.addEventListener(event, async (happened) => {
        happened.preventDefault();
        row.root.inert = true;
        await decide().catch((error) => (row.why.textContent = `${error.code}: ${error.message}`));
        row.root.inert = false;
      });
    }
    return row;
  }

  /** A group is not edited in the inbox: what it was to be is written anew, and the old one given up. */
  async function sendInstead({ id, documents }, { key }, title) {
    client.mutate((tx) => {
      tx.put('todos', key, { title, done: false });
      for (const { collection, key: list } of documents) if (collection === 'lists') tx.patch('lists', list, { todos: { [key]: Date.now() } });
    });
    await client.inbox.discard(id);
  }
}
