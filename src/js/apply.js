// What operations do to a document, on frozen values: what changes is copied, everything else is shared. The engine's own
// rules are in src/protocol/document.rs; both pass the golden cases in tests/vectors.

/** The document after `operations`; `undefined` is no document, before and after. */
export function apply(document, operations) {
  const fresh = new Set();
  const root = { document };
  for (const operation of operations) KINDS[operation.op](root, operation, fresh);
  for (const object of fresh) Object.freeze(object);
  return root.document;
}

const KINDS = {
  put(root, { value }) {
    root.document = freeze(value);
  },
  delete(root) {
    root.document = undefined;
  },
  patch(root, { set = {}, remove = [], object = [] }, fresh) {
    // A patch makes an object of what is none, even where nothing in it changes.
    if (set[''] === undefined) root.document = own(root.document, fresh);
    for (const place of Object.keys(set)) replace(root, place, () => freeze(set[place]), fresh);
    for (const place of remove) replace(root, place, () => undefined, fresh);
    for (const place of object) replace(root, place, (value) => own(value, fresh), fresh);
  },
  increment(root, { path, by }, fresh) {
    replace(root, path, (number) => need(Number.isInteger(number), path) && number + by, fresh);
  },
  append(root, { path, items }, fresh) {
    replace(root, path, (value) => {
      if (typeof items === 'string') return need(typeof value === 'string', path) && value + items;
      need(Array.isArray(value), path);
      const list = fresh.has(value) ? value : [...value];
      for (const item of items) list.push(freeze(item));
      fresh.add(list);
      return list;
    }, fresh);
  },
  splice(root, { path, at, remove, insert }, fresh) {
    replace(root, path, (text) => {
      need(typeof text === 'string' && at + remove <= text.length, path);
      return text.slice(0, at) + insert + text.slice(at + remove);
    }, fresh);
  },
};

/** Puts `change(value)` where the pointer leads, through objects only; objects are made of what is none on the way. */
function replace(root, pointer, change, fresh) {
  let at = root;
  let name = 'document';
  for (const token of tokens(pointer)) {
    at = put(at, name, own(member(at, name), fresh));
    name = token;
  }
  const value = change(member(at, name));
  if (value !== undefined) put(at, name, value);
  else delete at[name];
}

/** A copy of `value` that may be changed until it is frozen; an empty object where it is no object. */
function own(value, fresh) {
  if (fresh.has(value)) return value;
  const copy = isObject(value) ? { ...value } : {};
  fresh.add(copy);
  return copy;
}

function member(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Sets a member as data, whatever its name is: an assignment to `__proto__` would change the prototype (I23). */
function put(object, name, value) {
  if (name === '__proto__') Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  else object[name] = value;
  return value;
}

function tokens(pointer) {
  return pointer.split('/').slice(1).map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function need(fits, path) {
  if (!fits) throw new TypeError(`an operation does not fit the document at "${path}"`);
  return fits;
}

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Freezes a JSON value through and through. Documents are at most 100 deep, which the engine checks. */
export function freeze(value) {
  if (typeof value !== 'object' || value === null) return value;
  for (const name of Object.keys(value)) freeze(value[name]);
  return Object.freeze(value);
}
