// @ts-check
import { patience, refused, requestsOf } from "./delivery.js";

/**
 * hls.js with tokens that stay fresh. In place of `hls.loadSource(url)`:
 *
 *     attach(hls, source);
 *
 * Players that make an hls.js of their own take its settings instead: vidstack
 * as `provider.config`, `<mux-video>` as `_hlsConfig`, `<hls-video>` as `config`.
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 * @typedef {import("./index.js").PlaybackToken} PlaybackToken
 *
 * What of hls.js is used:
 * @typedef {object} Hls
 * @property {HTMLMediaElement | null} media
 * @property {any} config
 * @property {(url: string) => void} loadSource
 * @property {(event: any, listener: () => void) => void} on
 * @property {(event: any, listener: () => void) => void} off
 */

/**
 * Settings of hls.js with which each request carries the newest token, and one
 * that is refused is sent again with another.
 * @param {TokenSource} source
 * @param {(token: PlaybackToken) => void} [reload]
 *   plays the token's address in place of the old one; needed where a platform's `delivery.renew` is "url"
 */
export function hlsConfig(source, reload = () => {}) {
  const requests = requestsOf(source, reload);
  return {
    /** @this {any} a loader of hls.js @param {XMLHttpRequest} xhr @param {string} address */
    async xhrSetup(xhr, address) {
      const retry = this?.config?.loadPolicy?.errorRetry;
      if (retry) retry.shouldRetry ??= shouldRetry;
      const { token, url, headers, credentials } = await requests.next(address);
      xhr.open("GET", url, true);
      xhr.withCredentials = credentials;
      for (const name in headers) xhr.setRequestHeader(name, headers[name]);
      xhr.addEventListener("load", () => requests.answered(token, xhr.status));
    },
  };
}

/**
 * By itself hls.js gives up at 401 and 403; another token is on its way then.
 * @param {unknown} _ @param {number} count @param {unknown} __ @param {{code: number} | undefined} answer @param {boolean} retry
 */
const shouldRetry = (_, count, __, answer, retry) => retry || (refused(answer?.code ?? 0) && count < 2);

/**
 * Plays the source's video and keeps its token fresh.
 * @param {Hls} hls
 * @param {TokenSource} source
 * @returns {() => void} stops that; hls.js itself is the page's to destroy
 */
export function attach(hls, source) {
  let stop = () => {};
  const watch = () => {
    stop();
    if (hls.media) stop = source.watch(hls.media);
  };
  const load = (/** @type {PlaybackToken} */ { urls }) => {
    const { media } = hls;
    const playing = media?.paused === false;
    hls.config.startPosition = media?.currentTime || hls.config.startPosition;
    hls.loadSource(/** @type {string} */ (urls.hls));
    if (playing) media.play().catch(() => {});
  };
  Object.assign(hls.config, hlsConfig(source, load));
  hls.on("hlsMediaAttached", watch);
  watch();
  source.get({ patience }).then(load, () => {}); // the source has told why
  return () => {
    hls.off("hlsMediaAttached", watch);
    stop();
  };
}
