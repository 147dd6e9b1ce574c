// @ts-check
import { createTokenSource } from "./sdk/src/index.js";
import { Player } from "./player/player.js";
import { messageFor } from "./player/messages.js";
import { sleep } from "./player/fetching.js";
import { showKeys } from "./key-table.js";

/** @typedef {import("./sdk/src/index.js").PlaybackToken} PlaybackToken */

const videoId = document.body.dataset.videoId ?? "";
const asked = new URLSearchParams(location.search);
const mode = asked.get("token") ?? ""; // "none" and "expired" show a refusal
const video = /** @type {HTMLVideoElement} */ (byId("video"));
const source = createTokenSource({ endpoint: "token", videoId });
const keysEvery = 2000; // milliseconds
const maxEvents = 8;

let rotations = 0;
let tokens = 0;
/** @type {PlaybackToken | undefined} */
let current;
/** @type {PlaybackToken | undefined} */
let first;

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} text @param {boolean} [strong] */
function log(text, strong = false) {
  const list = byId("events");
  if (list.firstElementChild?.className === "quiet") list.replaceChildren();
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString("en-GB");
  item.append(time, text);
  item.classList.toggle("strong", strong);
  list.prepend(item);
  while (list.childElementCount > maxEvents) list.lastElementChild?.remove();
}

/** @param {string} text */
function notice(text) {
  byId("notice").textContent = text;
}

/** @param {{code?: string}} error */
function problem(error) {
  const code = error.code ?? "";
  const box = byId("problem");
  box.textContent = messageFor(code);
  box.dataset.code = code;
  box.hidden = false;
  notice("");
  log(`Stopped: ${code || "unknown error"}`, true);
}

source.addEventListener("refresh", ({ detail: { token, previous } }) => {
  const rotated = previous && previous.keyId !== token.keyId;
  if (rotated) rotations++;
  tokens++;
  current = token;
  byId("key-id").textContent = token.keyId || "(none)";
  byId("rotations").textContent = String(rotations);
  byId("tokens").textContent = String(tokens);
  showLife();
  if (rotated) log(`Key changed to ${token.keyId}`, true);
  else log(previous ? "Token refreshed" : "First token");
});

source.addEventListener("error", ({ detail: { error } }) => log(`No new token: ${error.code}`));

function showLife() {
  if (!current) return;
  const left = Math.max(0, source.remaining(current));
  byId("life").textContent = left > 0 ? `${Math.ceil(left)} s` : "ended";
  const bar = /** @type {HTMLProgressElement} */ (byId("life-bar"));
  bar.max = current.life;
  bar.value = left;
}

/** @type {import("./player/mse-player.js").OpenURL} */
async function openURL({ fresh, signal }) {
  if (mode === "expired") return expiredURL(signal);
  const token = fresh ? await source.fresh({ signal }) : await source.get({ signal });
  notice("");
  const url = urlOf(token);
  if (mode === "none") url.search = "";
  return url.href;
}

/** @param {PlaybackToken} token */
function urlOf(token) {
  return new URL(token.urls.hls ?? "", location.href);
}

/** @param {AbortSignal} signal */
async function expiredURL(signal) {
  first ??= await source.get({ signal }); // and no other, however fresh
  await outlive(first, signal);
  return urlOf(first).href;
}

/** Waits until a token is good for nothing. @param {PlaybackToken} token @param {AbortSignal} signal */
async function outlive(token, signal) {
  for (let left; (left = source.remaining(token) + 1) > 0; ) {
    notice(`Letting a token expire before using it: ${Math.ceil(left)} s to go.`);
    await sleep(Math.min(1, left), signal);
    signal.throwIfAborted();
  }
}

function play() {
  const native = asked.get("player") === "native";
  const player = new Player(video, openURL);
  let name = "";
  player.addEventListener("choose", (event) => {
    name = /** @type {CustomEvent} */ (event).detail.native ? "The browser’s own HLS" : "Our own loader";
    byId("player").textContent = name;
  });
  player.addEventListener("error", (event) => problem(/** @type {CustomEvent} */ (event).detail.error));
  player.addEventListener("retry", (event) => {
    const { error, seconds } = /** @type {CustomEvent} */ (event).detail;
    notice(messageFor(error.code));
    log(`${error.code}: trying again in ${Math.ceil(seconds)} s`);
  });
  player.addEventListener("reopen", (event) => {
    const { code } = /** @type {CustomEvent} */ (event).detail;
    log(`${code}: opening the manifest with a fresh token`);
  });
  player.addEventListener("recover", () => {
    notice("");
    log("Recovered");
  });
  player.addEventListener("rendition", (event) => {
    const { variant } = /** @type {CustomEvent} */ (event).detail;
    byId("player").textContent = variant.resolution ? `${name}, ${variant.resolution.replace("x", "×")}` : name;
  });
  document.querySelector(`nav [data-mode="${mode || (native ? "native" : "mse")}"]`)?.setAttribute("aria-current", "page");
  player.start({ native });
}

async function refreshKeys() {
  if (document.visibilityState !== "hidden") await showKeys(byId("keys"), "keys", current?.keyId ?? "");
  setTimeout(refreshKeys, keysEvery);
}

setInterval(showLife, 500);
refreshKeys();
source.watch(video);
play();
