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
 * While it plays a token is kept ready for that, so that the page's back end is
 * not waited for.
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
 * @property {boolean} ended
 * @property {{code: number} | null} error
 * @property {() => Promise<void> | void} play
 * @property {() => void} pause
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
  let playing = false;
  let unwatch = () => {};
  /** @type {PlaybackToken | undefined} */ let token;
  const open = (/** @type {PlaybackToken} */ next) => {
    if (stopped || !next.urls.hls) return;
    const { currentTime, playbackRate } = media;
    const again = token !== undefined;
    const resume = playing;
    token = next;
    if (!again && next.delivery.renew !== "none") unwatch = source.watch(/** @type {Media & EventTarget} */ (media));
    media.src = next.urls.hls;
    if (currentTime > 0) media.currentTime = currentTime;
    media.playbackRate = playbackRate;
    if (resume) Promise.resolve(media.play()).catch(() => {}); // the controls are there
    else if (again) media.pause(); // or it would play by itself if it did at first
  };
  const give = (/** @type {Promise<PlaybackToken>} */ next) => next.then(open, () => {}); // the source has told why
  const listeners = {
    error: () => token && media.error?.code !== decoding && void give(source.refused(token, { patience })),
    playing: () => token && source.accepted(token),
    play: () => (playing = true),
    pause: () => (playing &&= media.error !== null), // a failure pauses some browsers
  };
  for (const [type, listener] of Object.entries(listeners)) media.addEventListener(type, listener);
  playing = !media.paused;
  give(source.get({ patience }));
  return () => {
    stopped = true;
    unwatch();
    for (const [type, listener] of Object.entries(listeners)) media.removeEventListener(type, listener);
  };
}
