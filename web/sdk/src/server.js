// @ts-check
/**
 * For back ends (Node 20 and later, or what else has `fetch`): the calls of the
 * playtoken service that a back end makes.
 *
 *     const playtoken = createClient({ url: process.env.PLAYTOKEN_URL, apiKey: process.env.PLAYTOKEN_API_KEY });
 *     const { token, urls } = await playtoken.mint({ video_id: "my-video" });
 *
 * Requests and answers are the service's own, in snake_case.
 */

import { ApiError, lost, refusal } from "./server-error.js";

export { ApiError } from "./server-error.js";

/** @typedef {import("./answer.js").TokenAnswer} TokenAnswer */
/** @typedef {import("./server-error.js").Problem} Problem */

/**
 * `viewer` only where the platform can bind a token to one, `claims` only those
 * that the project allows: anything else is refused.
 * @typedef {object} TokenRequest
 * @property {string} video_id
 * @property {number} [expires_in] seconds
 * @property {{id?: string, ip?: string}} [viewer]
 * @property {Record<string, unknown>} [claims]
 * @property {string[]} [kinds] of tokens, where the platform has several
 * @property {string} [project_id]
 */

/** @typedef {TokenAnswer | {error: Problem}} BatchItem */

/**
 * @typedef {object} InspectRequest
 * @property {string} token
 * @property {string} [video_id] the token's own unless told
 * @property {string} [at] RFC 3339; now unless told
 * @property {string} [project_id]
 */

/**
 * @typedef {object} Inspection
 * @property {boolean} valid
 * @property {string[]} reasons why the platform would refuse it
 * @property {string} detail
 * @property {Record<string, unknown> | null} header
 * @property {Record<string, unknown> | null} claims
 * @property {{generation: number, state: string, fingerprint: string} | null} key
 * @property {{code: string, detail: string}[]} [advice] on mistakes of who made the token, or copied it
 */

/**
 * @typedef {object} AccessTokens
 * @property {"Bearer"} token_type
 * @property {number} expires_in seconds
 * @property {string} access_token
 * @property {string} refresh_token works once; a second use ends all of its successors
 */

/**
 * One of `apiKey` and `accessToken`.
 * @typedef {object} ClientOptions
 * @property {string | undefined} url of the service
 * @property {string} [apiKey]
 * @property {string | (() => string | Promise<string>)} [accessToken] asked before every request if it is a function
 * @property {number} [patience] seconds for which failures that may pass are waited out; 5 unless told
 * @property {number} [timeout] seconds for one attempt; 10 unless told
 * @property {(error: ApiError) => void} [onerror] told what respond does not pass on; console.error unless told
 * @property {typeof fetch} [fetch]
 * @property {(ms: number, signal?: AbortSignal) => Promise<void>} [sleep] for tests
 */

/** @typedef {{signal?: AbortSignal}} CallOptions */

/**
 * What may be sent again: anything after 429, which executes nothing; after 503
 * and its like what may run twice; after a lost answer what does no harm then.
 */
const resend = {
  always: { statuses: [429, 502, 503, 504], lost: true },
  answered: { statuses: [429, 503], lost: false },
  unexecuted: { statuses: [429], lost: false },
};

const largestBatch = 100;

/** @param {ClientOptions} options */
export function createClient(options) {
  return new Client(options);
}

/** The service, as a back end calls it. Every method throws an ApiError. */
export class Client {
  #url;
  #apiKey;
  #accessToken;
  #patience;
  #timeout;
  #onerror;
  #fetch;
  #sleep;

  /** @param {ClientOptions} options */
  constructor({
    url, apiKey, accessToken, patience = 5, timeout = 10, onerror = console.error, sleep = wait,
    fetch = (...args) => globalThis.fetch(...args),
  }) {
    if (!url || !/^https?:\/\//.test(url)) throw new TypeError("createClient: url has to be the service's address, with http:// or https://");
    if (!apiKey && !accessToken) throw new TypeError("createClient: apiKey is missing (or accessToken)");
    if (apiKey && /[^!-~]/.test(apiKey)) throw new TypeError("createClient: apiKey has a blank, the end of a line or a character that no API key has");
    this.#url = url.replace(/\/+$/, "");
    this.#apiKey = apiKey;
    this.#accessToken = accessToken;
    this.#patience = patience;
    this.#timeout = timeout;
    this.#onerror = onerror;
    this.#fetch = fetch;
    this.#sleep = sleep;
  }

  /**
   * Mints a playback token.
   * @param {TokenRequest} request
   * @param {CallOptions} [options]
   * @returns {Promise<TokenAnswer>}
   */
  mint(request, options) {
    return this.#authorized("/v1/playback-tokens", request, options);
  }

  /**
   * Mints many, a hundred with each request. The items are in the order of the
   * requests; one that was refused is `{error}`.
   * @param {TokenRequest[]} requests
   * @param {CallOptions} [options]
   * @returns {Promise<BatchItem[]>}
   */
  async batch(requests, options) {
    /** @type {BatchItem[]} */
    const all = [];
    for (let i = 0; i < requests.length; i += largestBatch) {
      const part = requests.slice(i, i + largestBatch);
      const { items } = await this.#authorized("/v1/playback-tokens/batch", { requests: part }, options);
      all.push(...items);
    }
    return all;
  }

  /**
   * Tells whether the platform would take a token, and why not.
   * @param {InspectRequest} request
   * @param {CallOptions} [options]
   * @returns {Promise<Inspection>}
   */
  inspect(request, options) {
    return this.#authorized("/v1/playback-tokens/inspect", request, options);
  }

  /**
   * Exchanges the API key for an access token, which ends by itself.
   * @param {CallOptions} [options]
   * @returns {Promise<AccessTokens>}
   */
  exchange(options) {
    if (!this.#apiKey) return Promise.reject(new TypeError("exchange: this client has no apiKey"));
    return this.#call("/v1/auth/api-key", { apiKey: this.#apiKey }, {}, resend.answered, options);
  }

  /**
   * Exchanges a refresh token for the next access token. It is never sent twice:
   * after a lost answer, exchange the API key again.
   * @param {string} refreshToken
   * @param {CallOptions} [options]
   * @returns {Promise<AccessTokens>}
   */
  refresh(refreshToken, options) {
    return this.#call("/v1/auth/refresh", { refreshToken }, {}, resend.unexecuted, options);
  }

  /**
   * Mints a token and returns what a page's back end responds to the page, which
   * a token source there understands. A failure that is the back end's own (its
   * credential is not accepted) reaches onerror, not the page.
   * @param {TokenRequest} request
   * @param {CallOptions} [options]
   * @returns {Promise<Response>}
   */
  async respond(request, options) {
    try {
      return response(201, await this.mint(request, options));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { status, code, detail, requestId: request_id, retryAfter } = error;
      const ours = status === 401 || (status === 403 && code !== "not_entitled");
      if (ours || status === 0) this.#onerror(error);
      if (ours) return response(500, { status: 500, code: "internal", detail: "the page's back end cannot mint tokens", request_id });
      return response(status || 503, { status: status || 503, code, detail, request_id }, retryAfter);
    }
  }

  /** @param {string} path @param {object} body @param {CallOptions} [options] */
  async #authorized(path, body, options) {
    const token = typeof this.#accessToken === "function" ? await this.#accessToken() : this.#accessToken;
    return this.#call(path, body, { authorization: `Bearer ${token ?? this.#apiKey}` }, resend.always, options);
  }

  /**
   * @param {string} path
   * @param {object} body
   * @param {Record<string, string>} headers
   * @param {{statuses: number[], lost: boolean}} again
   * @param {CallOptions} [options]
   * @returns {Promise<any>}
   */
  async #call(path, body, headers, again, { signal } = {}) {
    for (let waited = 0, backoff = 0.2; ; backoff *= 2) {
      try {
        return await this.#attempt(path, body, headers, signal);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        const may = error.status === 0 ? again.lost : again.statuses.includes(error.status);
        const seconds = Math.max(error.retryAfter, backoff * (0.5 + Math.random() / 2));
        if (!may || (waited += seconds) > this.#patience) throw error;
        await this.#sleep(seconds * 1000, signal);
      }
    }
  }

  /** @param {string} path @param {object} body @param {Record<string, string>} headers @param {AbortSignal} [signal] */
  async #attempt(path, body, headers, signal) {
    signal?.throwIfAborted();
    const limit = AbortSignal.timeout(this.#timeout * 1000);
    try {
      const answer = await this.#fetch(this.#url + path, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(body),
        redirect: "error", // the credential goes nowhere else
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      if (!answer.ok) throw await refusal(path, answer);
      return await answer.json();
    } catch (/** @type {any} */ cause) {
      signal?.throwIfAborted();
      throw cause instanceof ApiError ? cause : lost(path, cause);
    }
  }
}

/** @param {number} status @param {object} body @param {number} [retryAfter] seconds */
function response(status, body, retryAfter = 0) {
  const type = status < 300 ? "application/json" : "application/problem+json";
  const headers = new Headers({ "content-type": type, "cache-control": "no-store" });
  if (retryAfter > 0) headers.set("retry-after", String(retryAfter));
  return new Response(JSON.stringify(body), { status, headers });
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
