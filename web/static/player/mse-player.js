// @ts-check
import { PlaybackError, attempts, fetchMedia, pauseAfter, sleep } from "./fetching.js";
import { PlaylistError, parsePlaylist } from "./playlist.js";

/**
 * Plays an HLS video on demand through Media Source Extensions.
 *
 * One loop does one thing at a time: open the manifest, or fetch and append
 * the next segment, or wait. Every failure arrives in the same place:
 * a refusal opens the manifest again with a fresh token, a hiccup is tried
 * again later, and what was appended stays, so that neither is seen.
 *
 * @typedef {import("./playlist.js").Variant} Variant
 * @typedef {import("./playlist.js").Media} Media
 * @typedef {import("./playlist.js").Segment} Segment
 */

/**
 * Gives the manifest's URL with a live token in it; with `fresh`, a token that
 * was not handed out before, because the platform refused the last one with a
 * code.
 * @callback OpenURL
 * @param {{fresh: boolean, code?: string, signal: AbortSignal}} how
 * @returns {Promise<string>}
 */

const ahead = 30; // seconds of buffer to keep before the position
const behind = 20; // and after it
const firstGuess = 1 / 1_500_000; // seconds per bit
const gap = 0.5; // seconds; a hole this small is jumped over

/**
 * Events: `rendition` {variant}, `reopen` {code} when a refusal made it open
 * the manifest again, `retry` {error, seconds}, `recover` when either helped,
 * and at most one `error` {error}, after which nothing more happens.
 */
export class MsePlayer extends EventTarget {
  #video;
  #openURL;
  #access;
  #closed = new AbortController();
  #sought = new AbortController(); // replaced at every seek
  #wake = () => {};
  #source = new MediaSource();
  /** @type {SourceBuffer | undefined} */ #buffer;
  /** @type {Variant[] | undefined} */ #variants;
  /** @type {Map<Variant, Media>} */ #media = new Map();
  /** @type {Variant | undefined} */ #current; // whose init segment was appended last
  #position = 0; // seconds; where the next segment begins
  #pace = firstGuess;
  #failures = 0; // of one kind or another since the last segment
  #refusals = 0;
  #refusedFor = ""; // the last refusal's code
  #room = ahead;

  /** @returns {boolean} whether this browser has what it needs */
  static supported() {
    return globalThis.MediaSource?.isTypeSupported('video/mp4; codecs="avc1.4d401e,mp4a.40.2"') ?? false;
  }

  /** @param {HTMLVideoElement} video @param {OpenURL} openURL @param {{address(address: string): string}} access */
  constructor(video, openURL, access) {
    super();
    this.#video = video;
    this.#openURL = openURL;
    this.#access = access;
  }

  /** Starts loading. */
  start() {
    const signal = this.#closed.signal;
    const url = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(url);
      this.#run();
    }, { once: true });
    this.#video.addEventListener("timeupdate", () => this.#wake(), { signal });
    this.#video.addEventListener("waiting", () => this.#jumpGap(), { signal });
    this.#video.addEventListener("seeking", () => this.#seek(), { signal });
    this.#video.addEventListener("error", () => this.#broken(), { signal });
    this.#video.src = url;
  }

  /** Stops loading and takes the media away from the element. */
  close() {
    this.#stop();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #stop() {
    this.#closed.abort(new DOMException("closed", "AbortError"));
    this.#wake();
  }

  async #run() {
    while (!this.#closed.signal.aborted) {
      const sought = this.#sought.signal;
      try {
        await this.#step(AbortSignal.any([sought, this.#closed.signal]));
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        if (!sought.aborted) await this.#recover(error);
      }
    }
  }

  /** @param {AbortSignal} signal aborted by a seek, too */
  async #step(signal) {
    if (!this.#variants) await this.#open();
    const variant = this.#choose();
    const media = await this.#playlist(variant, signal);
    const segment = media.segments.find((s) => s.start + s.duration > this.#position + 0.01);
    if (!segment) return this.#end();
    if (this.#position > this.#video.currentTime + this.#room) return this.#wait();
    if (this.#current !== variant) await this.#begin(variant, media, signal);
    const data = await this.#load(segment, signal);
    await this.#makeRoom();
    signal.throwIfAborted();
    await this.#change((buffer) => buffer.appendBuffer(data));
    // The segment is in the buffer: only now does the position move, unless
    // the viewer has moved it meanwhile.
    if (!signal.aborted) this.#position = segment.start + segment.duration;
    if (this.#failures + this.#refusals > 0) this.#tell("recover", {});
    this.#failures = this.#refusals = 0;
    this.#jumpGap();
  }

  async #open() {
    const signal = this.#closed.signal;
    const url = await this.#openURL({ fresh: this.#refusals > 0, code: this.#refusedFor || undefined, signal });
    const list = await this.#read(url, signal);
    if (list.kind !== "master") throw new PlaylistError("the manifest names no codecs");
    const variants = list.variants.filter((v) => MediaSource.isTypeSupported(typeOf(v)));
    if (!variants.length) throw new PlaylistError("no rendition that this browser can decode");
    this.#variants = variants.sort((a, b) => a.bandwidth - b.bandwidth);
    this.#media.clear(); // their URIs carry the session that has ended
    this.#current = undefined;
  }

  /** The best rendition that takes at most two thirds of the time it plays. */
  #choose() {
    const variants = /** @type {Variant[]} */ (this.#variants);
    return variants.findLast((v) => v.bandwidth * this.#pace <= 2 / 3) ?? variants[0];
  }

  /** @param {Variant} variant @param {AbortSignal} signal */
  async #playlist(variant, signal) {
    const known = this.#media.get(variant);
    if (known) return known;
    const list = await this.#read(variant.url, signal);
    if (list.kind !== "media") throw new PlaylistError("a rendition that is not a list of segments");
    this.#media.set(variant, list);
    return list;
  }

  /** Makes the buffer ready for a rendition's segments. @param {Variant} variant @param {Media} media @param {AbortSignal} signal */
  async #begin(variant, media, signal) {
    const data = await fetchMedia(this.#access.address(media.init), (answer) => answer.arrayBuffer(), signal);
    if (this.#buffer) {
      this.#buffer.changeType(typeOf(variant));
    } else {
      this.#buffer = this.#source.addSourceBuffer(typeOf(variant));
      this.#source.duration = media.duration;
    }
    await this.#change((buffer) => buffer.appendBuffer(data));
    this.#current = variant;
    this.#tell("rendition", { variant });
  }

  /** @param {Segment} segment @param {AbortSignal} signal */
  async #load(segment, signal) {
    const begin = performance.now();
    const data = await fetchMedia(this.#access.address(segment.url), (answer) => answer.arrayBuffer(), signal);
    const seconds = (performance.now() - begin) / 1000;
    // An average of paces, not of speeds: one answer from a cache, at any
    // speed, must not outweigh the slow ones.
    this.#pace = (this.#pace + seconds / (data.byteLength * 8 || 1)) / 2;
    return data;
  }

  /** @param {string} url @param {AbortSignal} signal */
  async #read(url, signal) {
    const read = async (/** @type {Response} */ answer) => ({ text: await answer.text(), base: answer.url });
    const { text, base } = await fetchMedia(this.#access.address(url), read, signal);
    return parsePlaylist(text, base); // out here: what it refuses is no trouble of the network's
  }

  /** Does one change of the buffer, and returns once it is done. @param {(buffer: SourceBuffer) => void} change */
  async #change(change) {
    const buffer = /** @type {SourceBuffer} */ (this.#buffer);
    const done = new Promise((resolve, reject) => {
      buffer.onupdateend = resolve;
      buffer.onerror = () => reject(new PlaybackError("appending media", { code: "media_error" }));
    });
    change(buffer);
    await done;
  }

  async #makeRoom() {
    const until = this.#startOf(this.#video.currentTime - behind);
    const buffered = this.#video.buffered;
    if (buffered.length && buffered.start(0) < until - behind) await this.#change((buffer) => buffer.remove(0, until));
  }

  /**
   * Just before the segment that plays at a time. Removing less than a whole
   * segment would take the rest of it, too: nothing can be shown without the
   * key frame it begins with.
   * @param {number} time
   */
  #startOf(time) {
    return (this.#segmentAt(time)?.start ?? 0) - 0.1;
  }

  /** @param {number} time */
  #segmentAt(time) {
    const media = this.#current && this.#media.get(this.#current);
    return media?.segments.find((s) => s.start + s.duration > time);
  }

  /** All is buffered: says so, or else the element would wait for more. */
  #end() {
    if (this.#source.readyState === "open") this.#source.endOfStream();
    return this.#wait();
  }

  /** Until the position changes or close is called. */
  #wait() {
    return new Promise((resolve) => (this.#wake = () => resolve(undefined)));
  }

  #seek() {
    this.#position = this.#nextFrom(this.#video.currentTime);
    this.#sought.abort(new DOMException("sought", "AbortError"));
    this.#sought = new AbortController();
    this.#wake();
  }

  /** Where the next segment begins, for playing on from a time. @param {number} time */
  #nextFrom(time) {
    const at = rangeAt(this.#video.buffered, time);
    if (!at) return time;
    // Not the very end: rounding must not fetch the last segment once more.
    const last = this.#segmentAt(at.end - 0.1);
    return last ? last.start + last.duration : time;
  }

  /** Audio and video rarely begin at the same instant; some browsers wait at such a hole for ever. */
  #jumpGap() {
    const { buffered, currentTime } = this.#video;
    if (rangeAt(buffered, currentTime)) return;
    for (let i = 0; i < buffered.length; i++) {
      const start = buffered.start(i);
      if (start > currentTime && start < currentTime + gap) this.#video.currentTime = start;
    }
  }

  /** Decides what an error means for the loop. @param {any} error */
  async #recover(error) {
    if (error.name === "QuotaExceededError") return this.#shrink(error);
    if (error.refused && this.#refusals++ === 0) {
      // Once, with a fresh token; the buffer plays on meanwhile.
      this.#variants = undefined;
      this.#refusedFor = error.code;
      return this.#tell("reopen", { code: error.code });
    }
    if (!error.retryable || ++this.#failures >= attempts) return this.#fail(error);
    const seconds = pauseAfter(error, this.#failures);
    this.#tell("retry", { error, seconds });
    await sleep(seconds, this.#closed.signal);
  }

  /** The browser holds less than we wanted to keep. @param {any} error */
  async #shrink(error) {
    if (this.#room <= 5) return this.#fail(error);
    this.#room /= 2;
    const until = this.#startOf(this.#video.currentTime);
    if (until > 0) await this.#change((buffer) => buffer.remove(0, until)).catch(() => {});
  }

  #broken() {
    const cause = this.#video.error?.message ?? "";
    this.#fail(new PlaybackError(`playing media: ${cause}`, { code: "media_error" }));
  }

  /** @param {any} error */
  #fail(error) {
    if (this.#closed.signal.aborted) return;
    this.#stop();
    this.#tell("error", { error });
  }

  /** @param {string} type @param {object} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {Variant} variant */
function typeOf(variant) {
  return `video/mp4; codecs="${variant.codecs}"`;
}

/** @param {TimeRanges} ranges @param {number} time */
function rangeAt(ranges, time) {
  for (let i = 0; i < ranges.length; i++) {
    if (ranges.start(i) <= time && time < ranges.end(i)) return { start: ranges.start(i), end: ranges.end(i) };
  }
  return undefined;
}
