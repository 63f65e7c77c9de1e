// A plan of three fields that both sides change: what either takes along is taken along, of two times the server's stands, and of two places
// somebody decides.

import { labelled } from './parts.js';

export const PLANS = { fields: { '/bring': 'set', '/when': 'remote' }, otherwise: 'manual' };

const PLAN = 'trip';

export function startPlan(client, view, outcomes) {
  const plans = client.documents('plans');
  let plan = {};
  view.plan.setAttribute('aria-label', view.planLabel.textContent);
  for (const field of ['where', 'when', 'bring']) labelled(view[field], view[`${field}Label`]);
  for (const field of ['where', 'when']) {
    view[`${field}Form`].addEventListener('submit', (event) => {
      event.preventDefault();
      write({ [field]: view[field].value.trim() });
      view[field].blur();
    });
  }
  view.bringForm.addEventListener('submit', (event) => {
    event.preventDefault();
    const thing = view.bring.value.trim();
    const { bring = [] } = plan;
    if (thing !== '' && !bring.includes(thing)) write({ bring: [...bring, thing] });
    view.bring.value = '';
  });

  plans.watch(PLAN).subscribe((value = {}) => {
    plan = value;
    // What somebody is typing stays.
    for (const field of ['where', 'when']) if (document.activeElement !== view[field]) view[field].value = plan[field] ?? '';
    view.things.replaceChildren(...(plan.bring ?? []).map(makeThing));
  });
  client.on('conflict', ({ conflicts }) => {
    for (const { place, rule, lost } of conflicts) if (rule === 'remote') outcomes.merged(place.slice(1), `the server’s, not “${lost ?? ''}”`);
  });

  function makeThing(thing) {
    const item = document.createElement('li');
    const button = item.appendChild(document.createElement('button'));
    Object.assign(button, { type: 'button', className: 'plain', textContent: thing });
    button.setAttribute('aria-label', `Leave ${thing} at home`);
    button.addEventListener('click', () => write({ bring: plan.bring.filter((other) => other !== thing) }));
    return item;
  }

  function write(change) {
    const [[field, value]] = Object.entries(change);
    if (plan[field] === value) return;
    try {
      outcomes.follow(field, plans.update(PLAN, change));
    } catch (error) {
      outcomes.refused(field, error);
    }
  }
}
