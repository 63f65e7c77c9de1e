// Asks the user to stay on the page while writes would be lost with it.

/** A function that is told whether any would be. The browser is only bothered meanwhile: a page that always listens is not kept for going back to. */
export function unloadGuard() {
  const ask = (event) => event.preventDefault();
  return (atRisk) => {
    if (atRisk) globalThis.addEventListener?.('beforeunload', ask);
    else globalThis.removeEventListener?.('beforeunload', ask);
  };
}
