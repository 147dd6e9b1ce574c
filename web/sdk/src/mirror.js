// @ts-check
/**
 * What an element has of the video element inside it.
 *
 * @typedef {Pick<HTMLVideoElement, "autoplay" | "controls" | "currentTime" | "loop" | "muted" | "playbackRate" | "poster" | "volume" | "buffered"
 *   | "currentSrc" | "duration" | "ended" | "error" | "paused" | "played" | "readyState" | "seekable" | "seeking" | "textTracks" | "videoHeight"
 *   | "videoWidth" | "play" | "pause" | "canPlayType" | "requestPictureInPicture" | "addTextTrack">} Mirrored
 */

/** Attributes that are handed on. */
export const passed = ["aria-label", "autoplay", "controls", "controlslist", "crossorigin", "disablepictureinpicture", "disableremoteplayback",
  "loop", "muted", "playsinline", "poster", "preload"];

const properties = ["autoplay", "controls", "currentTime", "loop", "muted", "playbackRate", "poster", "volume",
  "buffered", "currentSrc", "duration", "ended", "error", "paused", "played", "readyState", "seekable", "seeking", "textTracks", "videoHeight", "videoWidth"];

const methods = ["play", "pause", "canPlayType", "requestPictureInPicture", "addTextTrack", "captureStream"];

const events = ["canplay", "canplaythrough", "durationchange", "emptied", "ended", "error", "loadeddata", "loadedmetadata", "loadstart",
  "pause", "play", "playing", "progress", "ratechange", "resize", "seeked", "seeking", "stalled", "suspend", "timeupdate", "volumechange", "waiting"];

/** Gives a class the properties and methods of its `media`. @param {any} prototype */
export function mirror(prototype) {
  for (const name of properties) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get() {
        return this.media[name];
      },
      set(value) {
        this.media[name] = value;
      },
    });
  }
  for (const name of methods) {
    prototype[name] = function (/** @type {unknown[]} */ ...given) {
      return this.media[name](...given);
    };
  }
}

/** Tells an element's listeners what its media element tells. @param {EventTarget} element @param {EventTarget} media */
export function tell(element, media) {
  for (const type of events) media.addEventListener(type, () => element.dispatchEvent(new Event(type)));
}
