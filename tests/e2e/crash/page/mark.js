// The harness's own mark in IndexedDB. A store that was reset has lost it, with all the rest of its origin.

const DATABASE = 'harness';

/** Opens the database: whether it had to be made, and what the browser says of data that was lost. */
function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    let found = { fresh: false, dataLoss: 'none' };
    request.onupgradeneeded = ({ dataLoss, dataLossMessage }) => {
      found = { fresh: true, dataLoss, dataLossMessage };
      request.result.createObjectStore('marks');
    };
    request.onsuccess = () => resolve({ db: request.result, found });
    request.onerror = () => reject(request.error);
  });
}

/** Looks for the mark of the browser's life before this one and leaves one of this life: `{ fresh, dataLoss, life }`. */
window.mark = async (life) => {
  const { db, found } = await opened();
  const before = await new Promise((resolve, reject) => {
    const transaction = db.transaction('marks', 'readwrite', { durability: 'strict' });
    const marks = transaction.objectStore('marks');
    const read = marks.get('life');
    marks.put(life, 'life');
    transaction.oncomplete = () => resolve(read.result ?? null);
    transaction.onabort = () => reject(transaction.error);
  });
  db.close();
  return { ...found, life: before };
};
