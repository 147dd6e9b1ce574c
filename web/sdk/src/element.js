// @ts-check
import { attach as playHls } from "./hlsjs.js";
import { createTokenSource } from "./index.js";
import { mirror, passed, tell } from "./mirror.js";
import { attach as playNative } from "./native.js";

/**
 * A private video as an element:
 *
 *     <playtoken-video endpoint="/token" video-id="my-video" hls="/hls.mjs" controls aria-label="My video">
 *       <track kind="captions" src="/en.vtt" srclang="en" label="English">
 *     </playtoken-video>
 *
 * `hls` is the address of hls.js as a module, which is loaded only where it is
 * needed; a page with a bundler sets `PlaytokenVideo.Hls` instead. Apple's
 * browsers play with their own HLS, which takes less power and knows AirPlay.
 *
 * The element is used like a video element, whose attributes, properties and
 * events it has. It also tells `tokenrefresh`, `tokenerror` and, once this
 * viewer gets no more tokens, `tokenend`: see TokenSource. Its parts are
 * `video`, `message` and `retry`; a child with `slot="message"` replaces the
 * sentence that the viewer reads at the end.
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 * @typedef {import("./index.js").SourceOptions} SourceOptions
 * @typedef {import("./index.js").Refreshed} Refreshed
 * @typedef {import("./index.js").Failed} Failed
 * @typedef {import("./mirror.js").Mirrored} Mirrored
 */

/**
 * The types of the events that no video element has.
 * @typedef {object} Telling
 * @property {Listen<"tokenrefresh", Refreshed> & Listen<"tokenerror" | "tokenend", Failed> & Listen<"hlserror", {error: Error}>} addEventListener
 */

/**
 * @template {string} Type
 * @template Detail
 * @typedef {import("./source.js").Listen<Type, Detail>} Listen
 */

const css = `
:host { display: block; position: relative; aspect-ratio: 16 / 9; background: #000; }
:host([hidden]), [hidden] { display: none !important; }
video { display: block; width: 100%; height: 100%; }
[part=message] { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 1em;
  padding: 1em; text-align: center; font: 1rem/1.4 system-ui, sans-serif; color: #fff; background: #000c; }
[part=retry] { font: inherit; padding: .4em 1em; }
`;

const own = ["endpoint", "video-id", "hls"];
const attempts = 8; // of hls.js in a row to reach the server, before it has failed
const mends = 2; // of the decoder
const hlsType = "application/vnd.apple.mpegurl";

/** A server that renders pages has no elements; there the class is only a name. */
const Base = /** @type {new () => Telling & HTMLElement & Mirrored} */ (globalThis.HTMLElement ?? class {});

export class PlaytokenVideo extends Base {
  static observedAttributes = [...own, ...passed];
  /** hls.js, where the page has it. @type {any} */
  static Hls = undefined;

  /** More of what createTokenSource takes. @type {Partial<SourceOptions>} */
  options = {};
  /** Settings of hls.js, where it plays. @type {object} */
  hlsSettings = {};
  /** While the element is in a page. @type {TokenSource | undefined} */
  source = undefined;
  /** The hls.js that plays, if one does. @type {any} */
  player = undefined;
  /** The video element inside. */
  media = document.createElement("video");
  #message = document.createElement("div");
  #stop = new AbortController();
  #due = false;
  #over = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    const sheet = new CSSStyleSheet(); // which a page's policy does not forbid
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    const tracks = make("slot", { hidden: true });
    root.append(this.media, tracks, this.#message);
    Object.assign(this.media, { part: "video" });
    Object.assign(this.#message, { part: "message", role: "alert", hidden: true });
    tracks.addEventListener("slotchange", () => this.#copyTracks());
    tell(this, this.media);
    for (const type of ["waiting", "error", "ended", "pause"]) this.media.addEventListener(type, () => this.#say());
  }

  connectedCallback() {
    this.#restart();
  }

  disconnectedCallback() {
    this.#restart();
  }

  /** @param {string} name @param {string | null} before @param {string | null} value */
  attributeChangedCallback(name, before, value) {
    if (own.includes(name)) {
      if (before !== value) this.#restart();
    } else if (value === null) this.media.removeAttribute(name);
    else this.media.setAttribute(name, value);
    if (name === "muted") this.media.muted = value !== null; // the attribute alone is the default
  }

  /** Begins anew, at the place where it is, as the button in the message does. */
  load() {
    this.#restart(this.media.currentTime);
  }

  /** A turn later, when all attributes are there, or the element is in its new place. @param {number} at seconds */
  #restart(at = 0) {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#end();
      if (this.isConnected && this.getAttribute("video-id")) void this.#start(at);
    });
  }

  #end() {
    this.#stop.abort();
    this.#over = false;
    this.#message.hidden = true;
    this.source?.close();
    this.player?.destroy();
    this.source = this.player = undefined;
  }

  /** @param {number} at seconds */
  async #start(at) {
    const { signal } = (this.#stop = new AbortController());
    const endpoint = this.getAttribute("endpoint") ?? undefined;
    const source = (this.source = createTokenSource({ prefetch: true, endpoint, ...this.options, videoId: this.getAttribute("video-id") ?? "" }));
    for (const type of ["refresh", "error", "end"]) {
      source.addEventListener(type, (event) => this.#tell(type, /** @type {CustomEvent} */ (event).detail));
    }
    const Hls = await this.#library();
    if (signal.aborted) return;
    const { media } = this;
    if (at > 0) media.addEventListener("loadedmetadata", () => (media.currentTime = at), { once: true, signal });
    const stop = Hls ? this.#playHls(Hls, source, at) : playNative(media, source);
    signal.addEventListener("abort", stop);
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    this.#over = type === "end" || (this.#over && type !== "refresh");
    this.#say();
    this.dispatchEvent(new CustomEvent(`token${type}`, { detail }));
  }

  /** hls.js, unless the browser's own HLS is better or all there is. */
  async #library() {
    const apple = "ManagedMediaSource" in globalThis;
    if (apple && this.media.canPlayType(hlsType)) return undefined;
    const address = this.getAttribute("hls");
    try {
      const Hls = PlaytokenVideo.Hls ?? /** @type {any} */ (globalThis).Hls ?? (address && (await import(/* webpackIgnore: true */ /* @vite-ignore */ new URL(address, document.baseURI).href)).default);
      return Hls?.isSupported() ? Hls : undefined;
    } catch (error) {
      this.dispatchEvent(new CustomEvent("hlserror", { detail: { error } }));
    }
  }

  /** @param {any} Hls @param {TokenSource} source @param {number} at seconds */
  #playHls(Hls, source, at) {
    const hls = (this.player = new Hls({ startPosition: at || -1, ...this.hlsSettings }));
    let failures = 0;
    let mended = 0;
    const recover = (/** @type {unknown} */ _, /** @type {any} */ { fatal, type, details }) => {
      if (!fatal || this.#over) return;
      if (type === "mediaError" && mended++ < mends) return hls.recoverMediaError();
      if (type !== "networkError" || ++failures > attempts) return this.#fail(new Error(`hls.js: ${details}`));
      setTimeout(() => this.player === hls && (hls.levels.length ? hls.startLoad() : hls.loadSource(hls.url)), 500 * failures);
    };
    hls.on("hlsError", recover);
    hls.on("hlsFragBuffered", () => (failures = 0));
    const stop = playHls(hls, source);
    hls.attachMedia(this.media);
    return stop;
  }

  /** @param {Error} error */
  #fail(error) {
    this.#over = true;
    this.#say();
    this.dispatchEvent(new CustomEvent("hlserror", { detail: { error } }));
  }

  /** Tells the viewer that it is over; what has arrived plays to its end first. */
  #say() {
    const { media } = this;
    const seen = !media.paused && media.readyState > HTMLMediaElement.HAVE_CURRENT_DATA;
    if (this.#over === !this.#message.hidden || (this.#over && seen)) return;
    this.#message.hidden = !this.#over;
    const retry = make("button", { part: "retry", type: "button", textContent: "Try again" });
    retry.addEventListener("click", () => {
      this.load();
      media.addEventListener("canplay", () => media.play().catch(() => {}), { once: true });
    });
    const sentence = make("slot", { name: "message", textContent: "You cannot watch this video any more." });
    this.#message.replaceChildren(...(this.#over ? [sentence, retry] : [])); // an alert is read when it comes
  }

  #copyTracks() {
    for (const track of this.media.querySelectorAll("track")) track.remove();
    this.media.append(...[...this.querySelectorAll(":scope > track")].map((track) => track.cloneNode()));
  }
}

/** @param {string} name @param {object} properties */
const make = (name, properties) => Object.assign(document.createElement(name), properties);

if (globalThis.customElements) {
  mirror(PlaytokenVideo.prototype);
  if (!customElements.get("playtoken-video")) customElements.define("playtoken-video", PlaytokenVideo);
}
