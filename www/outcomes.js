// The last writes, each with how far it has come.

const SHOWN = 6;

export function makeOutcomes(view) {
  function add(what) {
    const row = document.createElement('li');
    const cells = ['time', 'span', 'span'].map((tag) => row.appendChild(document.createElement(tag)));
    cells[0].textContent = new Date().toLocaleTimeString([], { hour12: false });
    cells[1].textContent = what;
    view.outcomes.prepend(row);
    while (view.outcomes.children.length > SHOWN) view.outcomes.lastElementChild.remove();
    view.noOutcomes.hidden = true;
    return (state, text) => {
      row.dataset.state = state;
      cells[2].textContent = text;
    };
  }

  return {
    /** Shows a write from now until it has ended. */
    follow(what, { durable, settled }) {
      const began = performance.now();
      const since = () => `${Math.round(performance.now() - began)} ms`;
      const mark = add(what);
      let ended = false;
      mark('local', 'shown at once');
      durable.then(
        (durability) => ended || mark('stored', `stored (${durability}) after ${since()}`),
        (error) => ended || mark('failed', `not stored: ${error.code}`),
      );
      settled.then(({ ending, error }) => {
        ended = true;
        mark(error ? 'failed' : 'synced', error ? `${ending}: ${error.code}` : `${ending} after ${since()}`);
      });
    },
    /** Shows that a rule has settled what both sides had changed. */
    merged(what, text) {
      add(what)('synced', text);
    },
    /** Shows a write that was not taken at all. */
    refused(what, error) {
      add(what)('failed', `${error.code ?? error.name}: ${error.message}`);
    },
  };
}
