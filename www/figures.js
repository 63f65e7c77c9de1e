// A client's status in figures.

const PHASES = {
  opening: 'opening',
  idle: 'in sync',
  pulling: 'reading',
  pushing: 'sending',
  offline: 'offline',
  waiting: 'waiting',
  paused: 'paused',
  'needs-auth': 'sign in',
  fenced: 'taken over',
  closed: 'closed',
  dead: 'ended',
};

/** Phases in which nothing that is typed would be kept. */
const OVER = ['fenced', 'closed', 'dead'];

const FIGURES = {
  queue: ['Queued writes', ({ pendingMutations, pendingBytes }) => (pendingMutations === 0 ? '0' : `${pendingMutations} (${bytes(pendingBytes)})`)],
  acknowledged: ['Acknowledged', ({ entriesAcknowledged }) => String(entriesAcknowledged)],
  sent: ['Entries sent', ({ entriesSent }) => String(entriesSent)],
  resent: ['Sent again', ({ entriesResent }) => String(entriesResent)],
  requests: ['Requests', ({ requests }) => String(requests)],
  'conflict-count': ['To decide', ({ conflicts }) => String(conflicts)],
  'inbox-count': ['Refused', ({ inbox }) => String(inbox)],
  pulled: ['Last read', ({ lastPullAt }) => clock(lastPullAt)],
  fresh: ['What is shown', ({ stale }) => (stale === null ? 'fresh' : 'from the cache')],
  retry: ['Next try', ({ retryAt }) => clock(retryAt)],
  storage: ['Kept in', ({ storage }) => (storage.kind === 'indexeddb' ? 'IndexedDB' : 'memory only')],
};

export function showFigures(client, view) {
  const side = view.phase.dataset.testid.replace(/-phase$/, '');
  const shown = Object.entries(FIGURES).map(([name, [label, read]]) => {
    const row = view.figures.appendChild(document.createElement('div'));
    row.appendChild(document.createElement('dt')).textContent = label;
    const value = row.appendChild(document.createElement('dd'));
    value.dataset.testid = `${side}-${name}`;
    return { value, read };
  });
  client.status.subscribe((status) => {
    const quiet = status.phase === 'pulling' && status.pendingMutations === 0;
    // A read every second would make the word flicker.
    const phase = quiet ? 'idle' : status.phase;
    const queued = status.conflicts > 0 ? 'to decide' : 'queued';
    set(view.phase, status.pendingMutations > 0 && phase === 'idle' ? queued : PHASES[phase]);
    view.phase.dataset.phase = phase;
    view.work.inert = OVER.includes(status.phase);
    for (const { value, read } of shown) set(value, read(status));
    view.problem.hidden = status.error === null;
    set(view.problem, status.error === null ? '' : `${status.error.code}: ${status.error.message}. ${status.error.hint}`);
  });
}

/** Leaves alone what says the same, so that it is neither laid out nor read out again. */
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function clock(at) {
  return at === null ? '–' : new Date(at).toLocaleTimeString([], { hour12: false });
}

function bytes(count) {
  return count < 1000 ? `${count} B` : `${(count / 1000).toFixed(1)} KB`;
}
