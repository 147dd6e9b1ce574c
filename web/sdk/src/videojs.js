// @ts-check
import { refused, requestsOf } from "./delivery.js";

/**
 * Video.js with tokens that stay fresh. In place of `player.src(…)`:
 *
 *     attach(player, source);
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 * @typedef {import("./index.js").PlaybackToken} PlaybackToken
 */

const decoding = 3; // MEDIA_ERR_DECODE, which no token mends

/**
 * Plays the source's video and keeps its token fresh.
 * @param {any} player of Video.js 8
 * @param {TokenSource} source
 * @returns {() => void} stops that
 */
export function attach(player, source) {
  /** @type {PlaybackToken} */ let opened;
  let playing = !player.paused();
  const open = (/** @type {PlaybackToken} */ token) => {
    const time = player.currentTime();
    const resume = playing;
    opened = token;
    player.src({ src: token.urls.hls, type: "application/x-mpegURL" });
    if (time) player.currentTime(time);
    if (resume) player.play();
  };
  const note = () => player.error() || (playing = !player.paused()); // a failure pauses some browsers
  const requests = requestsOf(source, open);
  const hook = () => {
    const { vhs } = player.tech(true);
    vhs.xhr = new Proxy(vhs.xhr, { apply: (xhr, _, [options, callback]) => send(requests, xhr, options, callback) });
  };
  // The browser's own HLS says no more than that it failed.
  const fail = async () => {
    const next = player.error()?.code !== decoding && (await requests.answered(opened, 401));
    if (next) open(next);
  };
  player.on("xhr-hooks-ready", hook);
  player.on("error", fail);
  player.on(["play", "pause"], note);
  const stop = source.watch(player.tech(true).el());
  requests.open().then(open, () => {}); // the source has told why
  return () => {
    player.off("xhr-hooks-ready", hook);
    player.off("error", fail);
    player.off(["play", "pause"], note);
    stop();
  };
}

/**
 * Sends a request of Video.js, and once more if it is refused. What stands for
 * it to Video.js is the one that is running.
 * @param {ReturnType<typeof requestsOf>} requests
 * @param {any} xhr
 * @param {any} options
 * @param {(error: unknown, request: any) => void} callback
 */
function send(requests, xhr, options, callback) {
  /** @type {any} */ let running;
  /** @type {boolean | undefined} */ let aborted;
  /** @type {any[]} */ const listeners = [];
  const listen = (/** @type {any[]} */ listener) => running?.addEventListener(...listener);
  const run = async (/** @type {boolean} */ first) => {
    const { token, url, headers, credentials } = await requests.next(options.uri);
    if (aborted) return;
    const asked = { withCredentials: credentials, ...options, uri: url, headers: { ...options.headers, ...headers } };
    running = xhr(asked, async (/** @type {unknown} */ error, /** @type {any} */ request) => {
      const again = requests.answered(token, request.status);
      if (first && refused(request.status) && (await again)) attempt(false);
      else callback(error, request);
    });
    listeners.forEach(listen);
  };
  const attempt = (/** @type {boolean} */ first) => run(first).catch((error) => callback(error, { ...options, status: 0 }));
  attempt(true);
  const standIn = {
    abort: () => ((aborted = true), running?.abort()),
    addEventListener: (/** @type {any[]} */ ...listener) => (listeners.push(listener), listen(listener)),
  };
  return new Proxy(standIn, { get: (own, name) => Reflect.get(own, name) ?? running?.[name] });
}
