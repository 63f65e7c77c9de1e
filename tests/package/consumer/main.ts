// What an app writes. It is compiled, never run: the types must carry the app's own document type through every call.

import { collection, open, SyncError, type Mutation, type SyncClient } from 'syncline';

interface Note {
  title: string;
  text: string;
}

const notes = collection<Note>();
const client = await open({ name: 'consumer', scope: 'ada', collections: { notes }, transport: { url: 'https://example.org/sync' } });
const documents = client.documents('notes');

const read: Note | undefined = await documents.get('first');
const seen: Note | undefined = documents.peek('first');
const written: Mutation = documents.put('first', { title: 'a', text: 'b' });
documents.putAll([['first', { title: 'a', text: 'b' }]]);
documents.update('first', { title: 'c' });
documents.splice('first', '/text', 0, 1, 'd');
documents.delete('first');

const watching = documents.watch('first');
const stop = watching.subscribe((note) => {
  const title: string | undefined = note?.title;
  console.log(title);
});
stop();
documents.status('first').subscribe(({ state, lastSync }) => console.log(state, lastSync));

const durability: 'strict' | 'relaxed' | 'memory' = await written.durable;
const settlement = await written.settled;
if (settlement.ending === 'rejected') {
  const error: SyncError = settlement.error;
  const retryable: boolean = error.retryable;
  console.log(error.code, error.hint, retryable);
}

// @ts-expect-error A document must have all of its fields.
documents.put('first', { title: 'a' });
// @ts-expect-error A collection must be one of those the client was opened with.
client.documents('others');
// @ts-expect-error A code must be one that exists.
const code: SyncError['code'] = 'NO_SUCH_CODE';

export async function shutDown(opened: SyncClient<{ notes: typeof notes }>): Promise<void> {
  await opened.close();
}

console.log(read, seen, durability, code);
