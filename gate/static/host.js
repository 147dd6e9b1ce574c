// @ts-check
/**
 * Talks with the page around the frame, in messages of one shape:
 * {protocol: "playtoken", version: 1, type, …}. docs/embed.md describes them.
 *
 * What the frame tells goes to the origin of the page around it and to no
 * other; what it obeys comes from that window and that origin, which has to be
 * one of the gate's (PLAYTOKEN_GATE_ORIGINS).
 */

const protocol = "playtoken";
const version = 1;
const patience = 30_000; // milliseconds for the page to hand over a token
const longestToken = 8192;

/** @typedef {{protocol: "playtoken", version: 1, type: "hello"} | {protocol: "playtoken", version: 1, type: "token", token: string}} FromHost */

export class Host {
  #window;
  #allowed;
  /** @type {string | undefined} */ #origin; // of the page around; undefined: not known yet
  /** @type {object[]} */ #held = []; // until it is
  /** @type {((token: string) => void) | undefined} */ #taken;

  /** @param {Window} window the frame's @param {string} allowed origins, divided by blanks, or * */
  constructor(window, allowed) {
    this.#window = window;
    this.#allowed = allowed.split(" ").filter(Boolean);
    if (!this.present) return;
    this.#origin = [window.location.ancestorOrigins?.[0], originOf(window.document.referrer)].find((o) => this.#allows(o));
    window.addEventListener("message", (event) => this.#hear(event));
  }

  /** Whether there is a page around that may be talked with. */
  get present() {
    return this.#allowed.length > 0 && this.#window.parent !== this.#window;
  }

  /** @param {"ready" | "time" | "ended" | "error" | "needs-token"} type @param {object} [detail] */
  tell(type, detail = {}) {
    if (!this.present) return;
    const message = { protocol, version, type, ...detail };
    if (this.#origin) this.#window.parent.postMessage(message, this.#origin);
    else if (type !== "time") this.#held = [...this.#held.slice(-9), message];
  }

  /**
   * Asks the page for a fresh token.
   * @param {string} code of the refusal that makes it needed
   * @returns {Promise<string | undefined>} undefined if none comes in time
   */
  token(code) {
    if (!this.present) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#taken?.(""), patience);
      this.#taken = (token) => {
        clearTimeout(timer);
        this.#taken = undefined;
        resolve(token || undefined);
      };
      this.tell("needs-token", { code });
    });
  }

  /** @param {MessageEvent} event */
  #hear(event) {
    if (event.source !== this.#window.parent || !this.#allows(event.origin)) return;
    if (this.#origin !== undefined && event.origin !== this.#origin) return;
    const message = read(event.data);
    if (!message) return;
    this.#origin = event.origin;
    for (const held of this.#held.splice(0)) this.#window.parent.postMessage(held, this.#origin);
    if (message.type === "token") this.#taken?.(message.token);
  }

  /** @param {string | undefined} origin */
  #allows(origin) {
    if (!origin || origin === "null") return false;
    return this.#allowed[0] === "*" || this.#allowed.includes(origin);
  }
}

/** @param {any} data @returns {FromHost | undefined} */
function read(data) {
  if (typeof data !== "object" || data === null || data.protocol !== protocol || data.version !== version) return undefined;
  const names = Object.keys(data).sort().join();
  if (data.type === "hello" && names === "protocol,type,version") return data;
  const { token } = data;
  if (data.type === "token" && names === "protocol,token,type,version" && typeof token === "string" && token !== "" && token.length <= longestToken) return data;
  return undefined;
}

/** @param {string} address */
function originOf(address) {
  return URL.canParse(address) ? new URL(address).origin : undefined;
}
