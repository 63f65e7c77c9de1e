// Stands in for the module that wasm-bindgen makes, for streams of the simulator: what is asked of it goes to `host.called`,
// which knows what the engine did then.

export default async function load() {}

export function __wbg_reset_state() {
  throw new Error('the simulator breaks no module');
}

export function mergeTexts() {
  throw new Error('a stream merges nothing');
}

export function countPending() {
  throw new Error('the simulator has its stores elsewhere');
}

export class Client {
  #called;

  static open(options, host) {
    const client = new Client();
    client.#called = host.called;
    host.opening(host);
    return client;
  }

  call(...call) {
    return this.#called(...call);
  }

  free() {}
}
