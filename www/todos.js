// A list of things to do. Each is a document; one more says which there are, by a member for each, so that two clients that
// add at the same time change different places.

import { parts } from './parts.js';

const LIST = 'main';

export function startTodos(client, view, outcomes) {
  const lists = client.documents('lists');
  const todos = client.documents('todos');
  const rows = new Map();

  view.todos.setAttribute('aria-label', view.todosLabel.textContent);
  view.todoInput.setAttribute('aria-label', 'Something to do');
  lists.watch(LIST).subscribe((list) => show(list?.todos ?? {}));

  view.todoForm.addEventListener('submit', (event) => {
    event.preventDefault();
    const title = view.todoInput.value.trim();
    if (title === '') return;
    const id = crypto.randomUUID();
    // Both or neither: a list never names a to-do that there is not. The server refuses what asks it to.
    const refuse = title.toLowerCase() === 'no';
    write([id], 'new to-do', () => client.mutate((tx) => {
      tx.put('todos', id, refuse ? { title, done: false, reject: true } : { title, done: false });
      tx.patch('lists', LIST, { todos: { [id]: Date.now() } });
    }));
    view.todoInput.value = '';
  });
  view.allDone.addEventListener('click', () => {
    const open = [...rows].filter(([, row]) => !row.done.checked).map(([id]) => id);
    if (open.length === 0) return;
    write(open, `${open.length} done`, () => client.mutate((tx) => open.forEach((id) => tx.patch('todos', id, { done: true }))));
  });
  view.clear.addEventListener('click', () => remove([...rows].filter(([, row]) => row.done.checked).map(([id]) => id)));

  function show(list) {
    const ids = Object.keys(list).sort((a, b) => list[a] - list[b] || (a < b ? -1 : 1));
    for (const [id, row] of rows) {
      if (Object.hasOwn(list, id)) continue;
      row.end();
      rows.delete(id);
    }
    ids.forEach((id, index) => {
      if (!rows.has(id)) rows.set(id, makeRow(id));
      const { root } = rows.get(id);
      // An element that is moved loses the focus.
      if (view.todos.children[index] !== root) view.todos.insertBefore(root, view.todos.children[index] ?? null);
    });
    view.noTodos.hidden = ids.length > 0;
    view.together.hidden = ids.length === 0;
  }

  /** To-dos go with their places in the list. */
  function remove(ids) {
    if (ids.length === 0) return;
    write(ids, ids.length === 1 ? 'delete' : `delete ${ids.length}`, () => client.mutate((tx) => {
      for (const id of ids) tx.delete('todos', id);
      tx.patch('lists', LIST, { todos: Object.fromEntries(ids.map((id) => [id, null])) });
    }));
  }

  function makeRow(id) {
    const row = parts('todo');
    row.root.dataset.todo = id;
    row.done.addEventListener('change', () => write([id], row.done.checked ? 'done' : 'not done', () => todos.update(id, { done: row.done.checked })));
    row.delete.addEventListener('click', () => remove([id]));
    const stop = todos.watch(id).subscribe((todo) => {
      row.title.textContent = todo?.title ?? '…';
      row.done.checked = todo?.done ?? false;
      row.delete.setAttribute('aria-label', `Delete ${row.title.textContent}`);
    });
    const end = () => {
      stop();
      row.root.remove();
    };
    return { ...row, end, pending: 0 };
  }

  /** Makes a write, and shows on the rows of these to-dos how far it is. */
  function write(ids, what, make) {
    let mutation;
    try {
      mutation = make();
    } catch (error) {
      outcomes.refused(what, error);
      return;
    }
    outcomes.follow(what, mutation);
    const mark = (state, text) => {
      for (const row of ids.map((id) => rows.get(id)).filter(Boolean)) {
        row.state.dataset.state = state;
        row.state.textContent = text;
      }
    };
    mark('local', 'here');
    mutation.durable.then(() => mark('stored', 'stored'), () => mark('failed', 'not stored'));
    mutation.settled.then(({ ending }) => {
      if (ending === 'applied' || ending === 'merged') mark('synced', 'synced');
      else mark('failed', ending);
    });
  }
}
