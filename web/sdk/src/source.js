// @ts-check
import { askBackend, backend } from "./backend.js";
import { TokenError } from "./error.js";
import { Flight } from "./flight.js";
import { browser, pause, stopwatch } from "./surroundings.js";

/** @typedef {import("./answer.js").PlaybackToken} PlaybackToken */
/** @typedef {import("./answer.js").TokenAnswer} TokenAnswer */
/** @typedef {import("./backend.js").Ask} Ask */
/** @typedef {import("./surroundings.js").Surroundings} Surroundings */

/**
 * Either `endpoint` or `fetchToken`.
 * @typedef {object} SourceOptions
 * @property {string} videoId
 * @property {string} [endpoint] of the page's own back end; answers POST {"video_id"} with the service's answer
 * @property {() => HeadersInit | Promise<HeadersInit>} [headers] asked before every request to the endpoint
 * @property {RequestCredentials} [credentials] for the endpoint; "same-origin" unless told
 * @property {(ask: Ask) => Promise<Response | TokenAnswer>} [fetchToken]
 *   asks the page's back end in the page's own way
 * @property {boolean} [prefetch] asks for the first token at once, before a player needs it
 * @property {Surroundings} [surroundings] for tests
 */

/**
 * @typedef {object} Refreshed
 * @property {PlaybackToken} token
 * @property {PlaybackToken | undefined} previous
 */

/** @typedef {{error: TokenError}} Failed */

/**
 * @template {string} Type
 * @template Detail
 * @typedef {(type: Type, listener: (event: CustomEvent<Detail>) => void, options?: AddEventListenerOptions) => void} Listen
 */

/**
 * The types of a source's events.
 * @typedef {object} Listening
 * @property {Listen<"refresh", Refreshed> & Listen<"error" | "end", Failed>} addEventListener
 */

/**
 * `patience`: seconds for which failures that may pass are waited out; 0 unless told.
 * @typedef {{signal?: AbortSignal, patience?: number}} GetOptions
 */

const longestBackoff = 30; // seconds
const tick = 15; // seconds, within which a sleep that no event reported is noticed

/**
 * The tokens of one video. Life is counted from `expires_in`, with the
 * browser's monotonic clock: viewers' wall clocks are wrong too often.
 *
 * Events: `refresh` for every new token; `error` for every attempt that failed;
 * `end` when no token lives and trying again is of no use, once, unless a later
 * token revives the source. While a token lives, failing to replace it is an
 * `error` and no more.
 */
export class TokenSource extends EventTarget {
  /** @type {((event: CustomEvent<Refreshed>) => void) | null} */ onrefresh = null;
  /** @type {((event: CustomEvent<Failed>) => void) | null} */ onerror = null;
  /** @type {((event: CustomEvent<Failed>) => void) | null} */ onend = null;
  #videoId;
  #fetchToken;
  #env;
  #closing = new AbortController();
  /** @type {PlaybackToken | undefined} */ #token;
  /** Seconds since each token was asked for. @type {WeakMap<PlaybackToken, () => number>} */ #ages = new WeakMap();
  /** @type {Flight<PlaybackToken> | undefined} */ #flight;
  /** @type {unknown} */ #timer;
  #players = 0;
  #jitter = 0; // seconds
  #failures = 0;
  /** No refresh by itself for `wait` seconds. @type {{since: () => number, wait: number} | undefined} */ #rest;
  /** The token that the platform refused. @type {PlaybackToken | undefined} */ #bad;
  /** The token that replaced it, until a request with it succeeds. @type {PlaybackToken | undefined} */ #onTrial;
  /** @type {TokenError | undefined} */ #over;

  /** @param {SourceOptions} options */
  constructor({ videoId, endpoint, headers, credentials, fetchToken, prefetch = false, surroundings = browser() }) {
    super();
    if (!videoId) throw new TypeError("createTokenSource: videoId is missing");
    if (!endpoint === !fetchToken) throw new TypeError("createTokenSource: give it either endpoint or fetchToken");
    this.#videoId = videoId;
    this.#env = surroundings;
    this.#fetchToken = fetchToken ?? backend(surroundings.fetch, endpoint ?? "", headers, credentials);
    for (const type of ["refresh", "error", "end"]) {
      this.addEventListener(type, (event) => /** @type {any} */ (this)[`on${type}`]?.(event));
    }
    const { document, window } = surroundings;
    const { signal } = this.#closing;
    document?.addEventListener("visibilitychange", this.#check, { signal });
    // Events after which timers may have stood still.
    for (const type of ["online", "pageshow", "focus"]) window?.addEventListener(type, this.#check, { signal });
    if (prefetch) this.use();
  }

  get videoId() {
    return this.#videoId;
  }

  /** The newest token while it lives. @returns {PlaybackToken | undefined} */
  get current() {
    const token = this.#token;
    return token && token !== this.#bad && this.remaining(token) > 0 ? token : undefined;
  }

  /**
   * Returns a token with some life left, from memory if there is one. Calls
   * share one request; aborting gives up this call only.
   * @param {GetOptions} [options]
   * @returns {Promise<PlaybackToken>}
   */
  async get({ signal, patience = 0 } = {}) {
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const token = this.current;
    // The last tenth is not worth handing out: it may end on the way.
    if (token && this.remaining(token) > Math.min(10, token.life / 10)) return /** @type {PlaybackToken} */ (this.use());
    return this.#insist(signal, patience);
  }

  /**
   * Like get, but never from memory.
   * @param {GetOptions} [options]
   * @returns {Promise<PlaybackToken>}
   */
  async fresh({ signal } = {}) {
    return this.#join(signal);
  }

  /**
   * The newest token for a request that is sent now, for players that cannot
   * wait: like current, and if the token is due for replacement, that begins.
   * @returns {PlaybackToken | undefined}
   */
  use() {
    if (!this.#over && this.#dueIn() <= 0) this.#refresh();
    return this.current;
  }

  /**
   * Tells that the platform refused a request with a token (401 or 403).
   * Returns the token to repeat the request with; throws, and the source ends
   * with reason `refused`, if that token had replaced a refused one already.
   * @param {PlaybackToken} token that the request had
   * @param {GetOptions} [options]
   * @returns {Promise<PlaybackToken>}
   */
  async refused(token, { signal, patience = 0 } = {}) {
    if (this.#over) throw this.#over;
    const newer = this.current;
    if (newer && newer !== token) return newer;
    if (token === this.#onTrial) {
      const message = "the platform refuses the playback token, and the one that replaced it";
      throw this.#end(new TokenError(message, { reason: "refused" }));
    }
    this.#bad = token;
    const next = await this.#insist(signal, patience);
    if (next === this.#token) this.#onTrial = next;
    return next;
  }

  /** Tells that the platform took a request with a token. @param {PlaybackToken} token */
  accepted(token) {
    if (token === this.#onTrial) this.#onTrial = undefined;
  }

  /**
   * Refreshes by itself while a media element plays.
   * @param {EventTarget & {readonly paused: boolean, readonly ended: boolean}} media
   * @returns {() => void} stops watching it
   */
  watch(media) {
    const watching = new AbortController();
    /** @type {(() => void) | undefined} */
    let release;
    const look = () => {
      if (!media.paused && !media.ended) release ??= this.keepFresh();
      else release = void release?.();
    };
    for (const type of ["play", "playing", "pause", "ended", "emptied"]) {
      media.addEventListener(type, look, { signal: watching.signal });
    }
    look();
    return () => {
      watching.abort();
      release = void release?.();
    };
  }

  /**
   * Refreshes by itself, while the page is visible, until told to stop: for
   * players that are no media elements.
   * @returns {() => void} stops it
   */
  keepFresh() {
    let kept = true;
    this.#players++;
    this.#check();
    return () => {
      if (kept) this.#players--;
      kept = false;
      this.#check();
    };
  }

  /** Seconds of life left; 0 or less when it has ended. @param {PlaybackToken} token */
  remaining(token) {
    const age = this.#ages.get(token);
    return age ? token.life - age() : 0;
  }

  /** Ends everything: requests, timers and listeners. */
  close() {
    const reason = new TokenError("the token source was closed", { reason: "closed" });
    this.#closing.abort(reason);
    this.#env.clearTimeout(this.#timer);
    this.#flight?.abort(reason);
    this.#token = undefined;
  }

  /** Seconds until the token should be replaced; 0 or less if it is due. */
  #dueIn() {
    const rest = this.#rest ? this.#rest.wait - this.#rest.since() : 0;
    const token = this.current;
    return token ? Math.max(rest, token.refreshIn + this.#jitter - (token.life - this.remaining(token))) : rest;
  }

  /** Refreshes what is due, or sees to it that it will be. */
  #check = () => {
    this.#env.clearTimeout(this.#timer);
    const { document, online } = this.#env;
    const idle = this.#players === 0 || document?.visibilityState === "hidden" || !online();
    if (idle || this.#over || !this.#token || this.#closing.signal.aborted) return; // an event or a call will ask again
    const seconds = this.#dueIn();
    if (seconds <= 0) this.#refresh();
    else this.#timer = this.#env.setTimeout(this.#check, Math.min(seconds, tick) * 1000);
  };

  #refresh() {
    this.#join().catch(() => {}); // was told as an event
  }

  /** @param {AbortSignal} [signal] @returns {Promise<PlaybackToken>} */
  #join(signal) {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!this.#flight || this.#flight.abandoned) this.#flight = this.#take();
    return this.#flight.join(signal);
  }

  #take() {
    const flight = new Flight(async (signal) => {
      try {
        const { token, age } = await askBackend(this.#env, this.#fetchToken, this.#videoId, signal);
        this.#ages.set(token, age);
        return this.#took(token);
      } catch (/** @type {any} */ error) {
        if (!signal.aborted) this.#failed(error);
        throw error;
      } finally {
        if (this.#flight === flight) this.#flight = undefined;
      }
    });
    return flight;
  }

  /**
   * Waits for a token, and for failures to pass; a token that still lives will do.
   * @param {AbortSignal | undefined} signal
   * @param {number} patience seconds
   */
  async #insist(signal, patience) {
    const since = stopwatch(this.#env);
    for (let failures = 1; ; failures++) {
      try {
        return await this.#join(signal);
      } catch (/** @type {any} */ error) {
        if (!(error instanceof TokenError) || error.reason === "closed") throw error;
        if (this.current) return this.current;
        const wait = this.#backoff(error, failures);
        if (!error.retryable || since() + wait > patience) throw error;
        await pause(this.#env, wait * 1000, [this.#closing.signal, ...(signal ? [signal] : [])]);
      }
    }
  }

  /** @param {TokenError} error @param {number} failures in a row */
  #backoff(error, failures) {
    const seconds = Math.min(longestBackoff, 2 ** (failures - 1)) * (0.5 + this.#env.random() / 2);
    return Math.max(error.retryAfter, seconds);
  }

  /** @param {PlaybackToken} token */
  #took(token) {
    const previous = this.#token;
    this.#token = token;
    this.#failures = 0;
    this.#rest = this.#over = undefined;
    // Jitter, so that viewers who came together do not come back together.
    this.#jitter = (Math.max(0, token.life - token.refreshIn) / 5) * this.#env.random();
    this.dispatchEvent(new CustomEvent("refresh", { detail: { token, previous } }));
    this.#check();
    return token;
  }

  /** @param {TokenError} error */
  #failed(error) {
    const token = this.current;
    // What will last is tried once more when the token has ended: the viewer may have logged in again.
    const wait = error.retryable || !token ? this.#backoff(error, ++this.#failures) : this.remaining(token);
    this.#rest = { since: stopwatch(this.#env), wait };
    this.dispatchEvent(new CustomEvent("error", { detail: { error } }));
    if (!token && !error.retryable) this.#end(error);
    this.#check();
  }

  /** @param {TokenError} error */
  #end(error) {
    const told = this.#over !== undefined; // a player may go on asking for a while
    this.#over = error;
    if (!told) this.dispatchEvent(new CustomEvent("end", { detail: { error } }));
    return error;
  }
}
