// @ts-check
import { requestsOf } from "./delivery.js";

/**
 * dash.js with tokens that stay fresh, where the answer's `urls` have `dash`. In
 * place of `player.initialize(video, url, true)`:
 *
 *     player.initialize(video, undefined, true);
 *     attach(player, source);
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 * @typedef {import("./index.js").PlaybackToken} PlaybackToken
 *
 * What of dash.js is used:
 * @typedef {object} DashPlayer
 * @property {() => HTMLMediaElement} getVideoElement
 * @property {(url: string, start?: number) => void} attachSource
 * @property {(interceptor: (request: any) => Promise<any>) => void} addRequestInterceptor
 * @property {(interceptor: (request: any) => Promise<any>) => void} removeRequestInterceptor
 * @property {(interceptor: (response: any) => Promise<any>) => void} addResponseInterceptor
 * @property {(interceptor: (response: any) => Promise<any>) => void} removeResponseInterceptor
 */

/**
 * Plays the source's video and keeps its token fresh. The player has its video
 * element already.
 * @param {DashPlayer} player
 * @param {TokenSource} source
 * @returns {() => void} stops that; the player itself is the page's to destroy
 */
export function attach(player, source) {
  const media = player.getVideoElement();
  /** @type {WeakMap<object, PlaybackToken>} */ const sent = new WeakMap();
  const load = (/** @type {PlaybackToken} */ { urls }) => {
    const playing = !media.paused;
    player.attachSource(/** @type {string} */ (urls.dash), media.currentTime || undefined);
    if (playing) media.play().catch(() => {}); // the controls are there
  };
  const requests = requestsOf(source, load, "dash");
  const asked = async (/** @type {any} */ request) => {
    const { token, url, headers, credentials } = await requests.next(request.url);
    sent.set(request, token);
    Object.assign(request, { url, headers: { ...request.headers, ...headers } });
    if (credentials) request.credentials = "include";
    return request;
  };
  const answered = async (/** @type {any} */ response) => {
    void requests.answered(sent.get(response.request), response.status);
    return response;
  };
  player.addRequestInterceptor(asked);
  player.addResponseInterceptor(answered);
  const stop = source.watch(media);
  requests.open().then(load, () => {}); // the source has told why
  return () => {
    player.removeRequestInterceptor(asked);
    player.removeResponseInterceptor(answered);
    stop();
  };
}
