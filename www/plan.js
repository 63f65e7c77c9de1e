// A plan of three fields that both sides change: people add up, of two times the server's stands, and of two places somebody decides.

import { labelled } from './parts.js';

export const PLANS = { fields: { '/people': 'sum', '/when': 'remote' }, otherwise: 'manual' };

const PLAN = 'trip';

export function startPlan(client, view, outcomes) {
  const plans = client.documents('plans');
  let plan = {};
  view.plan.setAttribute('aria-label', view.planLabel.textContent);
  for (const field of ['where', 'when']) {
    const input = view[field];
    labelled(input, view[`${field}Label`]);
    view[`${field}Form`].addEventListener('submit', (event) => {
      event.preventDefault();
      write(field, input.value.trim());
      input.blur();
    });
  }
  view.more.addEventListener('click', () => write('people', (plan.people ?? 0) + 1));
  view.fewer.addEventListener('click', () => write('people', Math.max(0, (plan.people ?? 0) - 1)));

  plans.watch(PLAN).subscribe((value = {}) => {
    plan = value;
    view.people.textContent = plan.people ?? 0;
    // What somebody is typing stays.
    for (const field of ['where', 'when']) if (document.activeElement !== view[field]) view[field].value = plan[field] ?? '';
  });
  client.on('conflict', ({ conflicts }) => {
    for (const { place, rule, lost } of conflicts) if (rule === 'remote') outcomes.merged(place.slice(1), `the server’s, not “${lost ?? ''}”`);
  });

  function write(field, value) {
    if (plan[field] === value) return;
    try {
      outcomes.follow(field, plans.update(PLAN, { [field]: value }));
    } catch (error) {
      outcomes.refused(field, error);
    }
  }
}
