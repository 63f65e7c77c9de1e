// The last syncs, looked up while somebody looks.

const SHOWN = 8;
const EVERY_MS = 1000;

export function showHistory(client, view) {
  let timer = null;
  view.historyBlock.addEventListener('toggle', () => {
    clearInterval(timer);
    if (!view.historyBlock.open) return;
    timer = setInterval(show, EVERY_MS);
    show();
  });

  async function show() {
    const rows = await client.history().catch(() => null);
    if (rows === null) return clearInterval(timer);
    // A read that brought nothing is no news.
    const told = rows.filter(({ direction, items, outcome }) => direction === 'push' || items > 0 || outcome !== 'ok');
    view.history.replaceChildren(...told.slice(-SHOWN).reverse().map(shown));
    view.noHistory.hidden = told.length > 0;
  }
}

function shown({ direction, bytes, items, outcome, at }) {
  const row = document.createElement('tr');
  const time = new Date(at).toLocaleTimeString([], { hour12: false });
  const size = bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} KB`;
  for (const text of [time, direction === 'push' ? 'sent' : 'read', items, size, outcome]) row.appendChild(document.createElement('td')).textContent = text;
  row.toggleAttribute('data-failed', outcome !== 'ok');
  return row;
}
