// Writes one tab's mirror: two files in the origin's private file system, of which one holds. The other one is written whole before
// the first one is emptied.

let files = null;
/** Which of the two holds, and how far it is written. */
let holding = 1;
let size = 0;
let work = Promise.resolve();

/** `{ order, path, name, bytes }`: the files of this name in the folders of this path begin anew with these bytes; without a name, they go behind what is there. */
onmessage = ({ data }) => {
  work = work.then(() => (data === 'close' ? end() : perform(data)));
  // What failed once is not what the module takes it for any more: nothing is written behind it.
  work.catch((error) => postMessage({ error: String(error) }));
};

async function perform({ order, path, name, bytes }) {
  if (name !== undefined) {
    files ??= await open(path, name);
    const before = files[holding];
    holding = 1 - holding;
    size = 0;
    files[holding].truncate(0);
    append(bytes);
    before.truncate(0);
    before.flush();
  } else append(bytes);
  postMessage({ order });
}

function append(bytes) {
  const file = files[holding];
  if (file.write(bytes, { at: size }) !== bytes.length) throw new Error('there is no room');
  size += bytes.length;
  file.flush();
}

async function open(path, name) {
  let folder = await navigator.storage.getDirectory();
  for (const step of path) folder = await folder.getDirectoryHandle(step, { create: true });
  const slot = async (number) => (await folder.getFileHandle(`${name}.${number}`, { create: true })).createSyncAccessHandle();
  return [await slot(0), await slot(1)];
}

function end() {
  files?.forEach((file) => file.close());
  postMessage('closed');
  close();
}
