// What an app writes. It is compiled, never run: the types must carry the app's own documents through every call.

import { init, open, SyncError, type Durability, type Mutation, type SyncClient } from 'syncline';

interface Note {
  title: string;
  text: string;
  author?: { name: string };
}
interface Collections {
  notes: Note;
}

await init();
const client = await open<Collections>({
  name: 'consumer',
  scope: 'ada',
  transport: { url: 'https://example.org/sync', headers: async () => ({ 'x-app': '1' }) },
  auth: async ({ reason, signal }) => (reason === 'expired' && !signal.aborted ? { token: 'b', expiresAt: Date.now() + 1000 } : null),
  collections: { notes: { coalesce: false } },
});
const notes = client.documents('notes');

const read: Note | undefined = await notes.get('first');
const seen: Note | undefined = notes.peek('first');
const written: Mutation = notes.put('first', { title: 'a', text: 'b' });
const many: readonly string[] = notes.putAll([['first', { title: 'a', text: 'b' }]]).ids;
notes.update('first', { title: 'c', author: { name: 'ada' } });
notes.update('first', (draft) => {
  draft.title = draft.title.toUpperCase();
});
notes.splice('first', '/text', 0, 1, 'd');
notes.increment('first', '/likes', 1);
notes.append('first', '/text', 'e');
notes.append('first', '/tags', ['f', 1]);
notes.delete('first');

const stop = notes.watch('first').subscribe((note, change) => {
  const title: string | undefined = note?.title;
  console.log(title, change?.length);
});
stop();
for await (const note of notes.watch('first')) console.log(note?.author?.name);
for await (const list of notes.live({ where: (note) => note.author !== undefined, orderBy: 'author', limit: 10 })) console.log(list?.[0]?.author?.name);
notes.liveEntries().subscribe((entries) => entries?.map(([key, note]) => [key, note.author]));
client.status.subscribe(({ phase, online, pendingMutations }) => console.log(phase, online, pendingMutations));

const durability: Durability = await written.durable;
const settlement = await written.settled;
if (settlement.ending === 'rejected') {
  const error: SyncError = settlement.error;
  const retryable: boolean = error.retryable;
  console.log(error.code, error.hint, retryable);
}

// Conflicts: a function that knows the documents, and what waits for a person.
const resolving: SyncClient<Collections> = await open<Collections>({
  name: 'resolving',
  collections: {
    notes: {
      conflict: {
        fields: { '/text': 'text', '/author': 'manual' },
        otherwise: async ({ base, mine, theirs, fields }) => {
          if (mine === undefined || theirs === undefined) return { defer: true };
          return fields.includes('/title') ? { value: { ...theirs, title: `${mine.title} (${base?.title})` } } : { take: 'theirs' };
        },
      },
    },
  },
});
for (const { id, collection, key, mine, resolve } of resolving.conflicts.current) {
  console.log(id, collection, key, mine);
  await resolve({ take: 'mine' });
}
await resolving.close();

// The app's own two functions in place of a URL.
const own: SyncClient<Collections> = await open<Collections>({
  name: 'own',
  transport: {
    async push(entries, { signal, idempotencyKey }) {
      console.log(signal.aborted, idempotencyKey);
      return entries.map(({ id }) => ({ id, outcome: 'ok' }));
    },
    async pull(cursor) {
      return { changes: [], cursor: cursor ?? 'start', more: false };
    },
  },
});
await own.close();

// @ts-expect-error A document must have all of its fields.
notes.put('first', { title: 'a' });
// @ts-expect-error A collection must be one of those that the client was opened for.
client.documents('others');
// @ts-expect-error A rule must be one that exists.
await open<Collections>({ name: 'ruled', collections: { notes: { conflict: 'newest' } } });
// @ts-expect-error A code must be one that exists.
const code: SyncError['code'] = 'NO_SUCH_CODE';
// @ts-expect-error An outcome must be one of those that the protocol knows.
await open({ name: 'wrong', transport: { push: async () => [{ id: 'a', outcome: 'fine' }], pull: async () => ({ changes: [], cursor: '', more: false }) } });

console.log(read, seen, many, durability, code);
