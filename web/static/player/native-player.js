// @ts-check
import { PlaybackError, attempts, fetchMedia, pauseAfter, sleep } from "./fetching.js";

/**
 * Plays an HLS video with the browser's own HLS: for browsers without Media
 * Source Extensions, the iPhone's first of all.
 *
 * The element cannot be given another URL without starting over, and need
 * not: what the playlists name carries a session ticket. Only if that is
 * refused does the player open the manifest again, at the same position. And
 * the element does not say why it failed, so the player fetches the playlist to find out.
 *
 * Events: `reopen` {code}, `retry` {error, seconds} while there is no token,
 * and at most one `error` {error}.
 */
export class NativePlayer extends EventTarget {
  #video;
  #openURL;
  #closed = new AbortController();
  #reopenedAt = -Infinity; // media time, seconds

  /** @param {HTMLVideoElement} video */
  static supported(video) {
    return video.canPlayType("application/vnd.apple.mpegurl") !== "";
  }

  /** @param {HTMLVideoElement} video @param {import("./mse-player.js").OpenURL} openURL */
  constructor(video, openURL) {
    super();
    this.#video = video;
    this.#openURL = openURL;
  }

  /** Starts loading. */
  start() {
    this.#video.addEventListener("error", () => this.#recover(), { signal: this.#closed.signal });
    this.#open({ fresh: false, time: 0, playing: false });
  }

  /** Stops loading and takes the media away from the element. */
  close() {
    this.#closed.abort(new DOMException("closed", "AbortError"));
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  /** @param {{fresh: boolean, time: number, playing: boolean}} how */
  async #open({ fresh, time, playing }) {
    try {
      this.#video.src = await this.#url(fresh);
      if (time > 0) this.#video.currentTime = time;
      // If the browser refuses, the controls are there.
      if (playing) this.#video.play().catch(() => {});
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {boolean} fresh */
  async #url(fresh) {
    const signal = this.#closed.signal;
    for (let failures = 1; ; failures++) {
      try {
        return await this.#openURL({ fresh, signal });
      } catch (/** @type {any} */ error) {
        if (signal.aborted || !error.retryable || failures >= attempts) throw error;
        const seconds = pauseAfter(error, failures);
        this.dispatchEvent(new CustomEvent("retry", { detail: { error, seconds } }));
        await sleep(seconds, signal);
      }
    }
  }

  async #recover() {
    const time = this.#video.currentTime;
    const playing = !this.#video.paused;
    const broken = this.#video.error?.code === MediaError.MEDIA_ERR_DECODE;
    const reason = await this.#reason();
    if (this.#closed.signal.aborted) return;
    // Once per ten seconds of video; more would be a loop.
    if (broken || time < this.#reopenedAt + 10) return this.#fail(reason);
    this.#reopenedAt = time;
    this.dispatchEvent(new CustomEvent("reopen", { detail: { code: reason.code } }));
    await this.#open({ fresh: true, time, playing });
  }

  /** What the platform says to the URL that the element failed on. */
  async #reason() {
    const none = new PlaybackError("playing media", { code: "media_error" });
    try {
      await fetchMedia(this.#video.src, (answer) => answer.text(), this.#closed.signal);
      return none;
    } catch (error) {
      return error instanceof PlaybackError ? error : none;
    }
  }

  /** @param {any} error */
  #fail(error) {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new DOMException("failed", "AbortError"));
    this.dispatchEvent(new CustomEvent("error", { detail: { error } }));
  }
}
