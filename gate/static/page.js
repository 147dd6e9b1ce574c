// The gate's page around the player. The URL of the manifest carries the session
// ticket, and there is no other: when the session ends, playback ends.
import { Player } from "./player.js";
import { messageFor } from "./messages.js";

const video = /** @type {HTMLVideoElement} */ (document.getElementById("video"));
const message = /** @type {HTMLElement} */ (document.getElementById("message"));
const source = new URL(video.dataset.source ?? "", location.href).href;

/** @param {string} text */
function say(text) {
  message.textContent = text;
  message.hidden = text === "";
}

const player = new Player(video, async () => source);
player.addEventListener("retry", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  // While there is something to watch, the viewer need not know.
  if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) say(messageFor(detail.error.code));
});
player.addEventListener("recover", () => say(""));
player.addEventListener("error", (event) => say(messageFor(/** @type {CustomEvent} */ (event).detail.error.code)));
player.start();
