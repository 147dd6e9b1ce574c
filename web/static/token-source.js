// @ts-check
/**
 * A browser's source of playback tokens.
 *
 * It asks the page's OWN back end, never the token service: the service's API
 * key must not reach a browser. That back end knows who is logged in, decides
 * whether they may watch, and forwards one call; in Node, for instance:
 *
 *     app.post("/token", requireLogin, async (req, res) => {
 *       const videoId = req.body.video_id;
 *       if (!mayWatch(req.user, videoId)) return res.status(403).json({ code: "not_entitled" });
 *       const answer = await fetch(SERVICE + "/v1/playback-tokens", {
 *         method: "POST",
 *         headers: { authorization: "Bearer " + API_KEY, "content-type": "application/json" },
 *         body: JSON.stringify({ video_id: videoId, viewer: { id: req.user.id } }),
 *       });
 *       res.status(answer.status).set("cache-control", "no-store")
 *          .type(answer.headers.get("content-type")).send(await answer.text());
 *     });
 *
 * (`viewer` only where the platform knows such a restriction.) Then, here:
 *
 *     const source = new TokenSource("/token");
 *     const { urls } = await source.get("my-video");
 *
 * Life is counted from `expires_in`, with the browser's monotonic clock:
 * viewers' wall clocks are wrong too often. A token is replaced at the
 * service's `refresh_at`, plus some jitter, while the page is visible; a
 * hidden page requests one when it becomes visible or when get is called.
 */

/**
 * @typedef {object} PlaybackToken
 * @property {string} token
 * @property {string} videoId
 * @property {string} keyId      of the key that signed it; "" where tokens name none
 * @property {number} life       seconds, counted from when it was asked for
 * @property {number} refreshIn  seconds, the same way
 * @property {{landing?: string, embed?: string, hls?: string}} urls
 */

/**
 * What TokenSource needs of its surroundings; a test brings its own.
 * @typedef {object} Surroundings
 * @property {typeof fetch} fetch
 * @property {() => number} now   monotonic, milliseconds
 * @property {() => number} wall  wall clock, milliseconds
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {Document} [document]
 * @property {EventTarget} [window]
 */

/**
 * Why there is no token. `code` is the `code` of the answer's problem
 * document, or "network" or "bad_answer".
 */
export class TokenError extends Error {
  /** @param {string} message @param {{status?: number, code: string, retryAfter?: number}} of */
  constructor(message, { status = 0, code, retryAfter = 0 }) {
    super(message);
    this.name = "TokenError";
    this.status = status;
    this.code = code;
    /** Seconds; 0 if the answer did not say. */
    this.retryAfter = retryAfter;
    /** Whether the same request may succeed later. */
    this.retryable = status === 0 || status === 429 || status >= 500;
  }
}

/** @returns {Surroundings} */
function browser() {
  return {
    fetch: (...args) => globalThis.fetch(...args),
    now: () => performance.now(),
    wall: () => Date.now(),
    random: Math.random,
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    document: globalThis.document,
    window: globalThis.window,
  };
}

const maxBackoff = 30; // seconds
const maxTimer = 2 ** 31 - 1; // what setTimeout can count
const answerWithin = 15_000; // milliseconds

/**
 * Events: `refresh`, detail `{videoId, token, previous}`, for every new
 * token; `error`, detail `{videoId, error}`, for every attempt that failed.
 * While a token lives, failing to replace it is an event and nothing else.
 */
export class TokenSource extends EventTarget {
  #endpoint;
  #headers;
  #credentials;
  #env;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  #check = () => this.#refreshDue();

  /**
   * @param {string} endpoint of the page's own back end; answers POST {"video_id"}
   * @param {object} [options]
   * @param {() => HeadersInit | Promise<HeadersInit>} [options.headers] asked before every attempt
   * @param {RequestCredentials} [options.credentials] "same-origin" unless told
   * @param {Surroundings} [options.surroundings]
   */
  constructor(endpoint, { headers = () => ({}), credentials = "same-origin", surroundings = browser() } = {}) {
    super();
    this.#endpoint = endpoint;
    this.#headers = headers;
    this.#credentials = credentials;
    this.#env = surroundings;
    this.#env.document?.addEventListener("visibilitychange", this.#check);
    this.#env.window?.addEventListener("online", this.#check);
  }

  /**
   * Returns a token with some life left, from memory if there is one. Calls
   * for one video share one request; aborting gives up this call only.
   * @param {string} videoId
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<PlaybackToken>}
   */
  async get(videoId, { signal } = {}) {
    signal?.throwIfAborted();
    const token = this.#entries.get(videoId)?.token;
    // The last tenth is not worth handing out: it may end on the way.
    if (token && this.remaining(token) > Math.min(10, token.life / 10)) return token;
    return this.fresh(videoId, { signal });
  }

  /**
   * Like get, but never from memory: for when a platform refused the last one.
   * @param {string} videoId
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<PlaybackToken>}
   */
  fresh(videoId, { signal } = {}) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const entry = this.#entry(videoId);
    if (!entry.flight || entry.flight.abandoned) entry.flight = this.#take(videoId, entry);
    return entry.flight.join(signal);
  }

  /** Seconds of life left; 0 or less when it has ended. @param {PlaybackToken} token */
  remaining(token) {
    const since = asked.get(token);
    if (!since) return 0;
    return token.life - this.#elapsed(since);
  }

  /** Stops refreshing a video's token and forgets it. @param {string} videoId */
  forget(videoId) {
    const entry = this.#entries.get(videoId);
    if (!entry) return;
    this.#entries.delete(videoId);
    this.#env.clearTimeout(entry.timer);
    entry.flight?.abort();
  }

  /** Forgets everything and stops listening to the page. */
  close() {
    for (const videoId of [...this.#entries.keys()]) this.forget(videoId);
    this.#env.document?.removeEventListener("visibilitychange", this.#check);
    this.#env.window?.removeEventListener("online", this.#check);
  }

  /** @param {string} videoId */
  #entry(videoId) {
    let entry = this.#entries.get(videoId);
    if (!entry) this.#entries.set(videoId, (entry = new Entry()));
    return entry;
  }

  /**
   * Seconds since. A monotonic clock may stand still while a computer sleeps
   * and a wall clock may be set; the longer of two differences is the safe one.
   * @param {{now: number, wall: number}} since
   */
  #elapsed(since) {
    return Math.max(this.#env.now() - since.now, this.#env.wall() - since.wall) / 1000;
  }

  /** @param {string} videoId @param {Entry} entry */
  #take(videoId, entry) {
    const flight = new Flight(async (signal) => {
      try {
        const token = await this.#request(videoId, signal);
        if (this.#entries.get(videoId) === entry) this.#took(videoId, entry, token);
        return token;
      } catch (error) {
        if (!signal.aborted) this.#failed(videoId, entry, error);
        throw error;
      } finally {
        if (entry.flight === flight) entry.flight = undefined;
      }
    });
    return flight;
  }

  /** @param {string} videoId @param {Entry} entry @param {PlaybackToken} token */
  #took(videoId, entry, token) {
    const previous = entry.token;
    entry.token = token;
    entry.failures = 0;
    // Jitter, so that viewers who came together do not come back together.
    const slack = Math.max(0, token.life - token.refreshIn) / 5;
    this.#schedule(videoId, entry, Math.max(1, token.refreshIn) + slack * this.#env.random());
    this.dispatchEvent(new CustomEvent("refresh", { detail: { videoId, token, previous } }));
  }

  /** @param {string} videoId @param {Entry} entry @param {any} error */
  #failed(videoId, entry, error) {
    entry.failures++;
    // Without a first token a caller of get is waiting, and decides what to do.
    if (entry.token && error.retryable) {
      const backoff = Math.min(maxBackoff, 2 ** (entry.failures - 1)) * (0.5 + this.#env.random() / 2);
      this.#schedule(videoId, entry, Math.max(error.retryAfter, backoff));
    }
    this.dispatchEvent(new CustomEvent("error", { detail: { videoId, error } }));
  }

  /** @param {string} videoId @param {Entry} entry @param {number} seconds */
  #schedule(videoId, entry, seconds) {
    if (this.#entries.get(videoId) !== entry) return;
    this.#env.clearTimeout(entry.timer);
    entry.timer = this.#env.setTimeout(() => this.#refresh(videoId), Math.min(seconds * 1000, maxTimer));
  }

  /** @param {string} videoId */
  #refresh(videoId) {
    if (this.#env.document?.visibilityState === "hidden") return; // visibilitychange will ask again
    this.fresh(videoId).catch(() => {}); // was told as an event
  }

  #refreshDue() {
    for (const [videoId, { token }] of this.#entries) {
      const since = token && asked.get(token);
      if (since && this.#elapsed(since) >= token.refreshIn) this.#refresh(videoId);
    }
  }

  /** @param {string} videoId @param {AbortSignal} signal */
  async #request(videoId, signal) {
    const first = await this.#attempt(videoId, signal);
    // The page's own login may have lapsed; `headers` gets one chance to renew it.
    const refused = first.answer.status === 401 || first.answer.status === 403;
    const { answer, since } = refused ? await this.#attempt(videoId, signal) : first;
    if (!answer.ok) throw await refusal(answer);
    const token = parse(videoId, await answer.json().catch(() => null));
    asked.set(token, since);
    return token;
  }

  /** @param {string} videoId @param {AbortSignal} signal */
  async #attempt(videoId, signal) {
    const headers = new Headers(await this.#headers());
    headers.set("content-type", "application/json");
    // Counted from before the question, so that we never believe a token to
    // live longer than it does.
    const since = { now: this.#env.now(), wall: this.#env.wall() };
    try {
      const answer = await this.#env.fetch(this.#endpoint, {
        method: "POST",
        headers,
        body: JSON.stringify({ video_id: videoId }),
        credentials: this.#credentials,
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithin)]),
      });
      return { answer, since };
    } catch (/** @type {any} */ cause) {
      signal.throwIfAborted();
      throw new TokenError(`asking for a playback token: ${cause.message}`, { code: "network" });
    }
  }
}

/** When each token was asked for. @type {WeakMap<PlaybackToken, {now: number, wall: number}>} */
const asked = new WeakMap();

class Entry {
  /** @type {PlaybackToken | undefined} */ token;
  /** @type {Flight | undefined} */ flight;
  /** @type {unknown} */ timer;
  failures = 0;
}

/** One request that several callers wait for; it ends when the last one leaves. */
class Flight {
  #controller = new AbortController();
  #waiting = 0;
  #result;

  /** @param {(signal: AbortSignal) => Promise<PlaybackToken>} run */
  constructor(run) {
    // A turn later, so that the caller holds the flight before it can land.
    this.#result = Promise.resolve().then(() => run(this.#controller.signal));
    this.#result.catch(() => {});
  }

  get abandoned() {
    return this.#controller.signal.aborted;
  }

  abort() {
    this.#controller.abort(new DOMException("forgotten", "AbortError"));
  }

  /** @param {AbortSignal} [signal] @returns {Promise<PlaybackToken>} */
  join(signal) {
    this.#waiting++;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal?.reason);
        if (--this.#waiting === 0) this.abort();
      };
      signal?.addEventListener("abort", leave, { once: true });
      const stay = () => signal?.removeEventListener("abort", leave);
      this.#result.finally(stay).then(resolve, reject);
    });
  }
}

/** @param {Response} answer */
async function refusal(answer) {
  const problem = await answer.json().catch(() => null);
  const status = answer.status;
  const retryAfter = Number(answer.headers.get("retry-after")) || 0;
  const code = typeof problem?.code === "string" ? problem.code : `http_${status}`;
  return new TokenError(`asking for a playback token: ${problem?.detail ?? code}`, { status, code, retryAfter });
}

/** @param {string} videoId @param {any} answer @returns {PlaybackToken} */
function parse(videoId, answer) {
  const life = answer?.expires_in;
  if (typeof answer?.token !== "string" || answer.video_id !== videoId || !(life > 0)) {
    throw new TokenError("asking for a playback token: not a token answer", { status: 502, code: "bad_answer" });
  }
  // Two of the service's own times: their difference needs no clock of ours.
  const margin = (Date.parse(answer.expires_at) - Date.parse(answer.refresh_at)) / 1000;
  const refreshIn = margin > 0 && margin < life ? life - margin : life * 0.75;
  return Object.freeze({
    token: answer.token, videoId, keyId: answer.key_id ?? "", life, refreshIn, urls: Object.freeze({ ...answer.urls }),
  });
}
