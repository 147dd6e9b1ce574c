// @ts-check
/**
 * The browser's own HLS with tokens that stay fresh, and other elements that
 * are used like a video element. In place of `video.src = url`:
 *
 *     attach(video, source);
 *
 * An element's requests cannot be changed, and need not be where the platform
 * begins a session of its own. When one is refused, the element says no more
 * than that it failed: it is then given another address, at the same place.
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 * @typedef {import("./index.js").PlaybackToken} PlaybackToken
 *
 * What of a media element is used:
 * @typedef {object} Media
 * @property {string} src
 * @property {number} currentTime
 * @property {number} playbackRate
 * @property {boolean} paused
 * @property {{code: number} | null} error
 * @property {() => Promise<void> | void} play
 * @property {(type: string, listener: () => void) => void} addEventListener
 * @property {(type: string, listener: () => void) => void} removeEventListener
 */

const patience = 600; // seconds for which the page's back end may fail
const decoding = 3; // MEDIA_ERR_DECODE, which no token mends

/**
 * Plays the source's video and keeps it going.
 * @param {Media} media
 * @param {TokenSource} source
 * @returns {() => void} stops that
 */
export function attach(media, source) {
  let stopped = false;
  /** @type {PlaybackToken | undefined} */ let token;
  const open = (/** @type {PlaybackToken} */ next) => {
    if (stopped || !next.urls.hls) return;
    const { currentTime, paused, playbackRate } = media;
    token = next;
    media.src = next.urls.hls;
    if (currentTime > 0) media.currentTime = currentTime;
    media.playbackRate = playbackRate;
    if (!paused) Promise.resolve(media.play()).catch(() => {}); // the controls are there
  };
  const give = (/** @type {Promise<PlaybackToken>} */ next) => next.then(open, () => {}); // the source has told why
  const fail = () => token && media.error?.code !== decoding && void give(source.refused(token, { patience }));
  const play = () => token && source.accepted(token);
  media.addEventListener("error", fail);
  media.addEventListener("playing", play);
  give(source.get({ patience }));
  return () => {
    stopped = true;
    media.removeEventListener("error", fail);
    media.removeEventListener("playing", play);
  };
}
