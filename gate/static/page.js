// @ts-check
/**
 * The gate's page around the player. The manifest's address carries the session
 * ticket; when the session ends, the page around a frame may hand over a fresh
 * token, and nothing else prolongs it.
 */
import { Player } from "./player.js";
import { PlaybackError, fetchMedia } from "./fetching.js";
import { messageFor } from "./messages.js";
import { Host } from "./host.js";
import { Session } from "./session.js";
import { TracksMenu } from "./tracks.js";

const video = /** @type {HTMLVideoElement} */ (document.getElementById("video"));
const message = /** @type {HTMLElement} */ (document.getElementById("message"));
const begin = /** @type {HTMLButtonElement} */ (document.getElementById("begin"));
const { source = "", start = "", origins = "", video: name = "" } = video.dataset;

const host = new Host(window, origins);
const session = new Session(new URL(source, location.href).href, freshTicket);
const player = new Player(video, openURL, session);
const menu = new TracksMenu(/** @type {HTMLElement} */ (document.getElementById("tracks")), (kind, id) => player.select(kind, id));

/** @param {{fresh: boolean, code?: string}} how */
async function openURL({ fresh, code = "session_ended" }) {
  if (fresh) await session.renew(session.source, new PlaybackError("opening the manifest again", { code, status: 403 }));
  return session.source;
}

/** @param {string} code of the refusal */
async function freshTicket(code) {
  const token = await host.token(code);
  if (!token) throw new PlaybackError("asking for a fresh token", { code, status: 403 });
  const headers = { accept: "application/json, application/problem+json", authorization: `Bearer ${token}` };
  const address = new URL(location.pathname, location.href).href;
  const renewal = await fetchMedia(address, (answer) => answer.json(), AbortSignal.timeout(20_000), headers);
  if (renewal?.video_id !== name || typeof renewal.ticket !== "string") {
    throw new PlaybackError("swapping the token", { code, status: 403 });
  }
  return renewal.ticket;
}

/** @param {string} text */
function say(text) {
  message.textContent = text;
  message.hidden = text === "";
}

/** @param {string} refused */
function stop(refused) {
  const code = refused === "playlist_unsupported" && !("Hls" in globalThis) ? "library_missing" : refused;
  say(messageFor(code));
  host.tell("error", { code, message: messageFor(code) });
}

player.addEventListener("retry", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  // While there is something to watch, the viewer need not know.
  if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) say(messageFor(detail.error.code));
});
player.addEventListener("recover", () => say(""));
player.addEventListener("tracks", (event) => menu.show(/** @type {CustomEvent} */ (event).detail.groups));
player.addEventListener("error", (event) => stop(/** @type {CustomEvent} */ (event).detail.error.code));

video.addEventListener("loadedmetadata", () => {
  if (start) video.currentTime = Number(start);
  host.tell("ready", { video_id: name, title: document.title, duration: finite(video.duration) });
}, { once: true });
for (const type of ["timeupdate", "play", "pause", "seeked"]) {
  video.addEventListener(type, () => {
    host.tell("time", { time: video.currentTime, duration: finite(video.duration), paused: video.paused });
  });
}
video.addEventListener("ended", () => host.tell("ended"));

/** A live video has no end. @param {number} duration */
function finite(duration) {
  return Number.isFinite(duration) ? duration : null;
}

// Without the browser's controls there is a button to begin with, and the
// picture pauses and goes on where it is clicked.
if (!video.controls) {
  const show = () => (begin.hidden = !video.paused || !message.hidden);
  const turn = () => (video.paused ? video.play().catch(() => {}) : video.pause());
  for (const type of ["play", "pause", "ended", "loadedmetadata"]) video.addEventListener(type, show);
  for (const element of [begin, video]) element.addEventListener("click", turn);
}

player.start();
