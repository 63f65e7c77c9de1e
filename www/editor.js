// A text that both clients edit: what is typed becomes splices, and what others typed comes in around the caret.

import { difference, together } from './difference.js';
import { labelled } from './parts.js';

const COLLECTION = 'notes';
const KEY = 'shared';
const PATH = '/text';
const FIRST_TEXT = 'Both sides edit this note.\nCut a network, type on both, connect again.\n';

/** `first`: this client makes the note where there is none. If both did, one would replace what was typed into the other's. */
export async function startEditor(client, view, outcomes, { first }) {
  const notes = client.documents(COLLECTION);
  const area = view.text;
  labelled(area, view.textLabel);
  // What the text area holds, and what the document holds: the same, but while an input method is at work.
  let shown = null;
  let text = null;
  let composing = false;

  notes.watch(KEY).subscribe((note) => {
    if (typeof note?.text !== 'string') return;
    text = note.text;
    show();
  });

  area.addEventListener('compositionstart', () => (composing = true));
  area.addEventListener('compositionend', () => {
    composing = false;
    send();
    show();
  });
  area.addEventListener('input', send);

  /** Brings the document's text into the text area. An input method would lose its place, so it is let finish first. */
  function show() {
    if (composing || text === shown) return;
    if (shown === null) {
      area.value = text;
      area.disabled = false;
    } else {
      const { at, remove, insert } = difference(shown, text);
      // The browser keeps the caret at the same characters.
      area.setRangeText(insert, at, at + remove, 'preserve');
    }
    shown = text;
  }

  /** Takes what was typed into the document. */
  function send() {
    const typed = area.value;
    const edit = difference(text, together(shown, difference(shown, typed), difference(shown, text)));
    shown = typed;
    if (edit === null) return;
    try {
      outcomes.follow('note', notes.splice(KEY, PATH, edit.at, edit.remove, edit.insert));
    } catch (error) {
      outcomes.refused('note', error);
      area.value = shown = text;
    }
  }

  if (first) await begin(client, notes);
}

/** Makes the note where the server has none; until the server was asked, nobody can know. */
async function begin(client, notes) {
  if ((await notes.get(KEY)) !== undefined) return;
  for (;;) {
    try {
      await client.pull();
      if ((await notes.get(KEY)) === undefined) notes.put(KEY, { text: FIRST_TEXT });
      return;
    } catch (error) {
      if (error.code === 'CLOSED' || error.code === 'FENCED') return;
      await pulled(client);
    }
  }
}

/** Resolves when a pull has succeeded that the client made by itself. */
function pulled(client) {
  const before = client.status.current.lastPullAt;
  return new Promise((resolve) => {
    const stop = client.status.subscribe({
      next({ lastPullAt }) {
        if (lastPullAt === before) return;
        queueMicrotask(() => stop());
        resolve();
      },
      complete: resolve,
    });
  });
}
