// Copies of the page's templates, with their parts by name. Nothing is ever put into the page as markup.

let labels = 0;

/**
 * A copy of the template with this id, as `{ root, partName: element, … }`. With `prefix`, each part can be found from outside
 * by `data-testid="prefix-part-name"`.
 */
export function parts(template, prefix) {
  const root = document.getElementById(template).content.firstElementChild.cloneNode(true);
  const found = { root };
  for (const element of root.querySelectorAll('[data-part]')) {
    found[element.dataset.part] = element;
    if (prefix) element.dataset.testid = `${prefix}-${element.dataset.part.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  }
  return found;
}

/** Makes `label` the label of `element`: two copies of a template may not share an id. */
export function labelled(element, label) {
  element.id = `labelled-${(labels += 1)}`;
  label.htmlFor = element.id;
}
