// What is in the server's file, read by the real server, started again on it with nobody else around.

const PAGE = 100;
const DOCUMENT = 'collection=texts&key=recording';

/** `{ positions, texts, documents }`: every committed text with its position, and all documents as a new client gets them. */
export async function kept(server, scope) {
  const positions = [];
  const texts = [];
  for (let page = null; page === null || page.length > 0; ) {
    page = await server.ask(`/test/committed?${DOCUMENT}&after=${positions.at(-1) ?? 0}&limit=${PAGE}`);
    for (const { seq, value } of page) {
      positions.push(seq);
      texts.push(JSON.parse(value)?.text);
    }
  }
  const headers = { 'syncline-protocol': '1', 'syncline-scope': scope };
  const { changes } = await server.ask('/sync/pull?feed=main&limit=10', { headers });
  return { positions, texts, documents: changes };
}
