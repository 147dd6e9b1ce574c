// @ts-check
/** The permission in the addresses of a video, which may be replaced while the video plays. */

/** Refusals that a fresh token mends. stream_limit is not among them: two devices would take turns. */
const mendable = ["token_expired", "token_missing", "session_ended", "key_unknown", "signature_invalid", "http_401", "http_403"];

const pause = 5000; // milliseconds between two replacements, or a ticket that is refused at once would be asked for on and on

export class Session {
  #source;
  #ticket;
  #replace;
  #now;
  /** @type {Promise<void> | undefined} */ #renewing;
  #renewedAt = -Infinity;

  /**
   * @param {string} source the manifest's address, with a ticket
   * @param {(code: string) => Promise<string>} replace gives a fresh ticket after a refusal with a code
   * @param {() => number} now milliseconds
   */
  constructor(source, replace, now = () => performance.now()) {
    this.#source = new URL(source);
    this.#ticket = this.#source.searchParams.get("ticket") ?? "";
    this.#replace = replace;
    this.#now = now;
  }

  /** The manifest's address, with the ticket in force. */
  get source() {
    return this.address(this.#source.href);
  }

  /**
   * Gives an address the ticket in force if it is one of the video's. Playlists
   * behind a proxy carry none, those of a session that has ended an old one.
   * @param {string} address
   */
  address(address) {
    const url = new URL(address);
    const folder = this.#source.pathname.replace(/[^/]*$/, "");
    if (url.origin !== this.#source.origin || !url.pathname.startsWith(folder)) return address;
    url.searchParams.set("ticket", this.#ticket);
    return url.href;
  }

  /**
   * Returns once there is a ticket other than that of an address which was
   * refused; throws the refusal if there will be none.
   * @param {string} address
   * @param {{code: string}} refusal
   */
  async renew(address, refusal) {
    if (new URL(address).searchParams.get("ticket") !== this.#ticket) return;
    if (!mendable.includes(refusal.code) || this.#now() < this.#renewedAt + pause) throw refusal;
    this.#renewing ??= this.#replace(refusal.code)
      .then((ticket) => {
        this.#ticket = ticket;
        this.#renewedAt = this.#now();
      })
      .finally(() => (this.#renewing = undefined));
    await this.#renewing;
  }
}
