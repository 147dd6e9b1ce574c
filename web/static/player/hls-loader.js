// @ts-check
import { PlaybackError } from "./fetching.js";

/**
 * Lets hls.js ask with the permission in force, and again with a fresh one when
 * it is refused, so that hls.js and the viewer notice nothing but a delay.
 *
 * @typedef {import("hls.js").LoaderContext} LoaderContext
 * @typedef {import("hls.js").LoaderConfiguration} LoaderConfiguration
 * @typedef {import("hls.js").LoaderCallbacks<LoaderContext>} LoaderCallbacks
 * @typedef {import("hls.js").Loader<LoaderContext>} Loader
 *
 * @typedef {object} Access
 * @property {(address: string) => string} address gives an address the permission in force
 * @property {(address: string, refusal: PlaybackError) => Promise<void>} renew returns once there is another
 *   permission than in the address, which was refused; throws what to tell the viewer if there will be none
 */

/**
 * @param {new (config: any) => any} Base a loader of hls.js
 * @param {Access} access
 * @returns {any}
 */
export function refusable(Base, access) {
  return class {
    /** @type {Loader} */ #loader;
    #config;
    #stats;
    #over = false;

    /** @param {any} config */
    constructor(config) {
      this.#config = config;
      this.#loader = new Base(config);
      this.#stats = this.#loader.stats;
    }

    get context() {
      return this.#loader.context;
    }

    get stats() {
      return this.#stats;
    }

    /** @param {LoaderContext} context @param {LoaderConfiguration} config @param {LoaderCallbacks} callbacks */
    load(context, config, callbacks) {
      const asked = context.url;
      const begin = (/** @type {boolean} */ first) => {
        context.url = access.address(asked);
        this.#loader.load(context, config, {
          ...callbacks,
          onSuccess: (response, stats, ...rest) => callbacks.onSuccess(response, Object.assign(this.#stats, stats), ...rest),
          onError: (error, _, xhr, stats) => void failed(first, error, xhr, stats),
        });
      };
      const failed = async (/** @type {boolean} */ first, /** @type {any} */ error, /** @type {any} */ xhr, /** @type {any} */ stats) => {
        let refusal = refusalOf(error.code, xhr);
        try {
          if (!first || !refusal.refused) throw refusal;
          await access.renew(context.url, refusal);
          if (this.#over) return;
          this.#loader.destroy();
          this.#loader = new Base(this.#config);
          begin(false);
        } catch (/** @type {any} */ why) {
          if (!this.#over) callbacks.onError({ code: why.status ?? error.code, text: why.code ?? "" }, context, xhr, stats);
        }
      };
      begin(true);
    }

    abort() {
      this.#over = true;
      this.#loader.abort();
    }

    destroy() {
      this.#over = true;
      this.#loader.destroy();
    }

    getCacheAge() {
      return this.#loader.getCacheAge?.() ?? null;
    }

    /** @param {string} name */
    getResponseHeader(name) {
      return this.#loader.getResponseHeader?.(name) ?? null;
    }
  };
}

/** Why a server refused, in its own code if it says one. @param {number} status @param {any} xhr */
function refusalOf(status, xhr) {
  let code = status ? `http_${status}` : "network";
  try {
    const body = xhr?.response;
    const text = typeof body === "string" ? body : new TextDecoder().decode(body);
    const problem = JSON.parse(text);
    if (typeof problem?.code === "string") code = problem.code;
  } catch {
    // It is not a gate that answers.
  }
  return new PlaybackError("fetching media", { code, status });
}
