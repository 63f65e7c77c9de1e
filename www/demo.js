// The page: two clients of one user, each with a database of its own, as two devices would have.

import { open } from '/pkg/index.js';

import { showConflicts } from './conflicts.js';
import { startEditor } from './editor.js';
import { showFigures } from './figures.js';
import { showHistory } from './history.js';
import { showInbox } from './inbox.js';
import { makeNetwork } from './network.js';
import { makeOutcomes } from './outcomes.js';
import { PLANS, startPlan } from './plan.js';
import { startTodos } from './todos.js';
import { parts } from './parts.js';

const SIDES = [
  { side: 'left', name: 'Laptop' },
  { side: 'right', name: 'Phone' },
];

const clients = document.getElementById('clients');

async function start({ side, name }) {
  const view = parts('client', side);
  view.name.textContent = name;
  view.root.setAttribute('aria-label', name);
  clients.append(view.root);

  const network = makeNetwork(side, view);
  const client = await open({
    name: `demo-${side}`,
    scope: 'demo',
    transport: { url: '/sync/', fetch: network.fetch },
    poll: { baseMs: 1000, maxMs: 1000 },
    collections: { plans: { conflict: PLANS } },
  });
  const outcomes = makeOutcomes(view);
  showFigures(client, view);
  startEditor(client, view, outcomes, { first: side === 'left' });
  startTodos(client, view, outcomes);
  startPlan(client, view, outcomes);
  showConflicts(client, view);
  showInbox(client, view);
  showHistory(client, view);
  return client;
}

const started = await Promise.allSettled(SIDES.map(start));
clients.removeAttribute('aria-busy');
for (const { reason } of started) {
  if (reason === undefined) continue;
  const problem = document.getElementById('problem');
  problem.textContent = `${reason.code ?? reason.name}: ${reason.message} ${reason.hint ?? ''}`;
  problem.hidden = false;
}
