// The app's tokens: asked for when the engine wants one, kept in memory only, and in no text that anybody reads.

/** What can be in a header. A browser's error about anything else would quote it. */
const LAWFUL = /^[\x21-\x7e]+$/;

export class Auth {
  #provider;
  #token = null;
  /** The last few: a call that left with an older one may still fail. */
  #secrets = [];
  /** Ends the question that is open. */
  #question = null;

  /** `provider` is the app's. */
  constructor(provider) {
    this.#provider = provider;
  }

  /** The token for a request; `null` where there is none. */
  get token() {
    return this.#token;
  }

  /** Asks the app; `answer` gets what came of it, as the module's `Client.call` takes it. A provider that throws has no token. */
  async ask(reason, answer) {
    this.giveUp();
    const { signal } = (this.#question = new AbortController());
    let given;
    try {
      given = await this.#provider({ reason, signal });
    } catch {
      given = null;
    }
    if (signal.aborted) return;
    this.#question = null;
    const { token, expiresAt } = typeof given === 'string' ? { token: given } : (given ?? {});
    this.#token = typeof token === 'string' && LAWFUL.test(token) ? token : null;
    if (this.#token !== null) this.#secrets = [...this.#secrets.slice(-7), this.#token];
    if (this.#token === null) answer('none');
    else answer(expiresAt > 0 && expiresAt < Infinity ? String(Math.floor(expiresAt)) : 'token');
  }

  /** Nobody waits for an answer any more. */
  giveUp() {
    this.#question?.abort();
    this.#question = null;
  }

  /** The app's headers, and the token's. */
  into(headers) {
    const all = new Headers(headers);
    if (this.#token !== null) all.set('authorization', `Bearer ${this.#token}`);
    return all;
  }

  /** The host's functions; what they throw does not name the token. */
  guard(host) {
    const guarded = (call) => async (...given) => {
      try {
        return await call(...given);
      } catch (error) {
        const said = String(error?.message ?? error);
        const redacted = this.#secrets.reduce((text, secret) => text.replaceAll(secret, '…'), said);
        throw redacted === said ? error : new Error(redacted);
      }
    };
    return Object.fromEntries(Object.entries(host).map(([name, call]) => [name, guarded(call)]));
  }
}
