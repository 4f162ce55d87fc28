// Who looks: nobody in particular where the gateway asks for no token, else whoever entered one. The token stays in this tab.

const KEY = "switchhook.token";

export class Session {
  constructor(storage = globalThis.sessionStorage) {
    this.storage = storage;
    /** Undefined until it is known whether the gateway wants a token. */
    this.needsToken = undefined;
    /** Why a token is asked for, in the gateway's words. */
    this.why = undefined;
  }

  get token() {
    return this.storage.getItem(KEY) ?? undefined;
  }

  keep(token) {
    this.storage.setItem(KEY, token);
    this.why = undefined;
  }

  forget(why) {
    this.storage.removeItem(KEY);
    this.why = why;
  }

  /** Asks whether a token is needed: only who is known is told how the sources are doing. Throws when nobody answers. */
  async explore() {
    const answer = await fetch("/readyz", { headers: { Accept: "application/json" } });
    const body = await answer.json();
    this.needsToken = body.sources === undefined;
    return this.needsToken;
  }
}
