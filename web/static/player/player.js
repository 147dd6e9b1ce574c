// @ts-check
import { PlaybackError } from "./fetching.js";
import { HlsPlayer } from "./hls-player.js";
import { MsePlayer } from "./mse-player.js";
import { NativePlayer } from "./native-player.js";

/** What the browser's own HLS may still play. */
const unsupported = ["playlist_unsupported", "codecs_unsupported"];

/** @type {import("./hls-loader.js").Access} */
const open = { address: (address) => address, renew: async (_, refusal) => Promise.reject(refusal) };

/**
 * Plays an HLS video the best way that this browser has: with hls.js if the
 * page has loaded it, else with our own loader, or with the browser's HLS where
 * there are no Media Source Extensions or the stream is of a kind that the
 * loader leaves alone.
 *
 * Events: `choose` {native} when one of them begins; theirs as they come; and
 * at most one `error` {error}, the `code` of which is for messageFor.
 */
export class Player extends EventTarget {
  #video;
  #openURL;
  #access;
  /** @type {HlsPlayer | undefined} */ #choosing;

  /**
   * @param {HTMLVideoElement} video
   * @param {import("./mse-player.js").OpenURL} openURL
   * @param {import("./hls-loader.js").Access} access to what the manifest names
   */
  constructor(video, openURL, access = open) {
    super();
    this.#video = video;
    this.#openURL = openURL;
    this.#access = access;
  }

  /** Starts loading. @param {{native?: boolean}} [only] with the browser's own HLS */
  start({ native = false } = {}) {
    if (!native && HlsPlayer.supported()) this.#use((this.#choosing = new HlsPlayer(this.#video, this.#openURL, this.#access)));
    else if (!native && MsePlayer.supported()) this.#use(new MsePlayer(this.#video, this.#openURL, this.#access));
    else this.#useNative(new PlaybackError("choosing a player", { code: "no_player" }));
  }

  /** Chooses a track of those that the event `tracks` told. @param {string} kind @param {number} id */
  select(kind, id) {
    this.#choosing?.select(kind, id);
  }

  /** @param {any} otherwise why nothing can be played if there is no HLS of the browser's own */
  #useNative(otherwise) {
    if (NativePlayer.supported(this.#video)) this.#use(new NativePlayer(this.#video, this.#openURL));
    else this.#fail(otherwise);
  }

  /** @param {HlsPlayer | MsePlayer | NativePlayer} player */
  #use(player) {
    for (const type of ["rendition", "reopen", "retry", "recover", "tracks"]) {
      player.addEventListener(type, (event) => this.#tell(type, /** @type {CustomEvent} */ (event).detail));
    }
    player.addEventListener("error", (event) => this.#stopped(player, /** @type {CustomEvent} */ (event).detail.error));
    this.#tell("choose", { native: player instanceof NativePlayer });
    player.start();
  }

  /** @param {HlsPlayer | MsePlayer | NativePlayer} player @param {any} error */
  #stopped(player, error) {
    // What has arrived may be watched to its end.
    if (this.#video.readyState > HTMLMediaElement.HAVE_NOTHING) return this.#tell("error", { error });
    player.close();
    if (!(player instanceof NativePlayer) && unsupported.includes(error.code)) this.#useNative(error);
    else this.#fail(error);
  }

  /** @param {any} error */
  #fail(error) {
    this.#video.controls = false; // with nothing to control they look busy for ever
    this.#tell("error", { error });
  }

  /** @param {string} type @param {object} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
