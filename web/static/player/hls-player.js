// @ts-check
import { PlaybackError, attempts, pauseAfter, sleep } from "./fetching.js";
import { refusable } from "./hls-loader.js";

/**
 * Plays an HLS video with hls.js, where the page has loaded it: every kind of
 * stream that the browser can decode, and a choice of tracks.
 *
 * hls.js works without its worker: a worker would be a script from a blob,
 * which the page's policy forbids.
 *
 * Events: `tracks` {groups} when there are others or others are chosen, `retry`
 * {error} and `recover`, and at most one `error` {error}.
 *
 * @typedef {import("hls.js").default} Hls
 * @typedef {import("hls.js").ErrorData} ErrorData
 * @typedef {import("./hls-loader.js").Access} Access
 *
 * @typedef {object} TrackGroup
 * @property {"quality" | "audio" | "subtitles"} kind
 * @property {number} current the id of the option that was chosen
 * @property {{id: number, label: string}[]} options
 */
export class HlsPlayer extends EventTarget {
  #video;
  #openURL;
  #access;
  #closed = new AbortController();
  /** @type {Hls | undefined} */ #hls;
  #failures = 0; // since something arrived
  #mended = 0; // errors of the decoder

  /** @returns {typeof import("hls.js").default | undefined} hls.js, if the page has it */
  static library() {
    return /** @type {any} */ (globalThis).Hls;
  }

  static supported() {
    return HlsPlayer.library()?.isSupported() ?? false;
  }

  /** @param {HTMLVideoElement} video @param {import("./mse-player.js").OpenURL} openURL @param {Access} access */
  constructor(video, openURL, access) {
    super();
    this.#video = video;
    this.#openURL = openURL;
    this.#access = access;
  }

  /** Starts loading. */
  async start() {
    const Library = HlsPlayer.library();
    if (!Library) throw new Error("hls.js is not there");
    const hls = (this.#hls = new Library({
      enableWorker: false,
      backBufferLength: 60, // seconds
      maxMaxBufferLength: 60, // or ten minutes would play on after a session has ended
      loader: refusable(Library.DefaultConfig.loader, this.#access),
    }));
    const { Events } = Library;
    for (const name of [Events.MANIFEST_PARSED, Events.LEVELS_UPDATED, Events.AUDIO_TRACKS_UPDATED, Events.AUDIO_TRACK_SWITCHED,
      Events.SUBTITLE_TRACKS_UPDATED, Events.SUBTITLE_TRACK_SWITCH]) {
      hls.on(name, () => this.#tell("tracks", { groups: this.tracks }));
    }
    hls.on(Events.FRAG_BUFFERED, () => this.#arrived());
    hls.on(Events.ERROR, (_, data) => void this.#recover(data));
    try {
      hls.loadSource(await this.#openURL({ fresh: false, signal: this.#closed.signal }));
      hls.attachMedia(this.#video);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Stops loading and takes the media away from the element. */
  close() {
    this.#closed.abort(new DOMException("closed", "AbortError"));
    this.#hls?.destroy();
  }

  /** What there is to choose from. @returns {TrackGroup[]} */
  get tracks() {
    const hls = this.#hls;
    if (!hls) return [];
    /** @type {TrackGroup[]} */
    const groups = [
      { kind: "quality", current: hls.manualLevel, options: [{ id: -1, label: "Automatic" }, ...hls.levels.map((l, id) => ({ id, label: qualityOf(l) })).reverse()] },
      { kind: "audio", current: hls.audioTrack, options: hls.audioTracks.map(optionOf) },
      { kind: "subtitles", current: hls.subtitleTrack, options: [{ id: -1, label: "Off" }, ...hls.subtitleTracks.map(optionOf)] },
    ];
    const least = { quality: 3, audio: 2, subtitles: 2 }; // fewer are no choice
    return groups.filter(({ kind, options }) => options.length >= least[kind]);
  }

  /** @param {string} kind @param {number} id */
  select(kind, id) {
    const hls = this.#hls;
    if (!hls) return;
    if (kind === "quality") hls.nextLevel = id;
    if (kind === "audio") hls.audioTrack = id;
    if (kind === "subtitles") hls.subtitleTrack = id;
    this.#tell("tracks", { groups: this.tracks });
  }

  #arrived() {
    if (this.#failures > 0) this.#tell("recover", {});
    this.#failures = 0;
  }

  /** @param {ErrorData} data */
  async #recover(data) {
    const error = errorOf(data);
    // The loader has asked for another permission; hls.js would go on to try
    // every rendition.
    if (error.refused) return this.#fail(error);
    if (!data.fatal) {
      const given = data.details === "aborted"; // by a seek, or another rendition
      if (data.type === "networkError" && error.retryable && !given) this.#retry(error);
      return;
    }
    if (data.type === "mediaError" && error.code === "media_error" && this.#mended++ < 2) return this.#hls?.recoverMediaError();
    if (!error.retryable || this.#failures >= attempts) return this.#fail(error);
    this.#retry(error);
    await sleep(pauseAfter(error, this.#failures), this.#closed.signal);
    if (this.#closed.signal.aborted) return;
    if (this.#hls?.levels.length) this.#hls.startLoad();
    else this.#hls?.loadSource(await this.#openURL({ fresh: false, signal: this.#closed.signal }));
  }

  /** @param {PlaybackError} error */
  #retry(error) {
    this.#failures++;
    this.#tell("retry", { error });
  }

  /** What has arrived may be watched to its end. @param {any} error */
  #fail(error) {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new DOMException("failed", "AbortError"));
    this.#hls?.stopLoad();
    this.#tell("error", { error });
  }

  /** @param {string} type @param {object} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Kinds of errors that no further attempt mends, by hls.js's names for them. */
/** @type {Record<string, string>} */
const codes = {
  manifestIncompatibleCodecsError: "codecs_unsupported",
  bufferIncompatibleCodecsError: "codecs_unsupported",
  bufferAddCodecError: "codecs_unsupported",
  manifestParsingError: "playlist_unsupported",
  levelEmptyError: "playlist_unsupported",
  levelParsingError: "playlist_unsupported",
};

/** @param {ErrorData} data */
function errorOf(data) {
  const status = data.response?.code ?? 0;
  const answered = status >= 400 && data.response?.text; // the code of the problem, see hls-loader.js
  const otherwise = data.type === "networkError" ? "network" : data.type === "keySystemError" ? "codecs_unsupported" : "media_error";
  const code = answered || codes[data.details] || otherwise;
  return new PlaybackError(`hls.js: ${data.details}`, { code, status, retryable: code === "network" || status === 429 || status >= 500 });
}

/** @param {{height?: number, bitrate: number}} level */
function qualityOf({ height, bitrate }) {
  const rate = `${bitrate >= 1e6 ? (bitrate / 1e6).toFixed(1) + " M" : Math.round(bitrate / 1000) + " k"}bit/s`;
  return height ? `${height}p, ${rate}` : rate;
}

/** @param {{name?: string, lang?: string}} track @param {number} id */
function optionOf({ name, lang }, id) {
  return { id, label: name || lang || `${id + 1}` };
}
