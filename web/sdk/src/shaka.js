// @ts-check
import { requestsOf } from "./delivery.js";

/**
 * Shaka Player with tokens that stay fresh. In place of `player.load(url)`:
 *
 *     await attach(player, source);
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 * @typedef {import("./index.js").PlaybackToken} PlaybackToken
 *
 * What of Shaka's player is used:
 * @typedef {object} ShakaPlayer
 * @property {() => any} getNetworkingEngine
 * @property {() => HTMLMediaElement | null} getMediaElement
 * @property {(url: string, start?: any) => Promise<any>} load
 * @property {(type: string, listener: (event: any) => void) => void} addEventListener
 * @property {(type: string, listener: (event: any) => void) => void} removeEventListener
 */

/**
 * Plays the source's video and keeps its token fresh. The player has its media
 * element already.
 * @param {ShakaPlayer} player
 * @param {TokenSource} source
 * @param {number} [start] seconds
 * @returns {Promise<() => void>} once it has loaded: what stops that; fails as `player.load` and `source.get` do
 */
export async function attach(player, source, start) {
  const network = player.getNetworkingEngine();
  const media = /** @type {HTMLMediaElement} */ (player.getMediaElement());
  /** @type {WeakMap<object, PlaybackToken>} */ const sent = new WeakMap();
  const requests = requestsOf(source, async ({ urls }) => {
    const playing = !media.paused;
    await player.load(/** @type {string} */ (urls.hls), media.currentTime);
    if (playing) media.play().catch(() => {});
  });
  const filter = async (/** @type {unknown} */ _, /** @type {any} */ request) => {
    for (const i in request.uris) {
      const { token, url, headers, credentials } = await requests.next(request.uris[i]);
      sent.set(request, token);
      request.uris[i] = url;
      Object.assign(request.headers, headers);
      request.allowCrossSiteCredentials ||= credentials;
    }
  };
  const answered = (/** @type {any} */ { request, httpResponseCode = 200 }) => void requests.answered(sent.get(request), httpResponseCode);
  const stop = source.watch(media);
  network.registerRequestFilter(filter);
  for (const type of events) player.addEventListener(type, answered);
  const detach = () => {
    network.unregisterRequestFilter(filter);
    for (const type of events) player.removeEventListener(type, answered);
    stop();
  };
  try {
    await player.load(/** @type {string} */ ((await requests.open()).urls.hls), start);
    return detach;
  } catch (error) {
    detach();
    throw error;
  }
}

const events = ["downloadfailed", "downloadcompleted"];
