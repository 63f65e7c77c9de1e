// Syncline for JavaScript. Importing this runs nothing; `open` loads the WebAssembly module.

export { SyncError } from './errors.js';
export { init } from './module.js';
export { open } from './open.js';
export { destroy, list } from './stores.js';
export { mergeTexts } from './texts.js';
