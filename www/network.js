// A network that can be cut by a switch, and stays cut when the page is reloaded.

/** The network of one side: a `fetch` for its client, and the switch in `view`. */
export function makeNetwork(side, view) {
  const place = `cut-${side}`;
  let cut = localStorage.getItem(place) !== null;
  let cutting = new AbortController();

  function show() {
    view.network.setAttribute('aria-checked', String(!cut));
    view.networkLabel.textContent = cut ? 'Network is cut' : 'Network';
    view.root.classList.toggle('cut', cut);
  }

  view.network.addEventListener('click', () => {
    cut = !cut;
    if (cut) {
      localStorage.setItem(place, 'yes');
      cutting.abort(new TypeError('the network was cut'));
      cutting = new AbortController();
    } else {
      localStorage.removeItem(place);
      // What a browser says when it has a network again; it cuts waits short.
      dispatchEvent(new Event('online'));
    }
    show();
  });
  show();

  return {
    /** The browser's fetch, until the network is cut. */
    async fetch(url, options) {
      if (cut) throw new TypeError('the network is cut');
      return fetch(url, { ...options, signal: AbortSignal.any([options.signal, cutting.signal]) });
    },
  };
}
