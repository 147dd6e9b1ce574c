// @ts-check
import { createTokenSource } from "./sdk/src/index.js";
import { Player } from "./player/player.js";
import { messageFor } from "./player/messages.js";
import { sleep } from "./player/fetching.js";
import { showPicture } from "./picture.js";
import { fetchRing, showKeys, showMoves, story } from "./ring.js";
import { codeOf, mintCall, revokeCall, rotateCall } from "./code.js";
import { act, outcomeOf } from "./acts.js";

/** @typedef {import("./sdk/src/index.js").PlaybackToken} PlaybackToken */

const { videoId = "", project = "" } = document.body.dataset;
const asked = new URLSearchParams(location.search);
const mode = asked.get("token") ?? ""; // "none" and "expired" show a refusal
const video = /** @type {HTMLVideoElement} */ (byId("video"));
const source = createTokenSource({ endpoint: "token", videoId });
const every = 1000; // milliseconds from one picture to the next
const maxEvents = 8;
const maxTokens = 4; // in the picture

let rotations = 0;
let tokens = 0;
/** @type {PlaybackToken | undefined} */
let current;
/** Those in the picture, the newest first. @type {PlaybackToken[]} */
let drawn = [];
/** @type {import("./ring.js").Ring | undefined} */
let ring;
let call = mintCall(videoId);
/** @type {import("./code.js").Language} */
let language = "curl";
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
  drawn = [token, ...drawn].slice(0, maxTokens);
  show(mintCall(videoId));
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

/** Shows a call as code. @param {import("./code.js").Call} made */
function show(made) {
  call = made;
  byId("call").textContent = call.title;
  byId("code").textContent = codeOf(call, language, location.origin);
}

/** Draws everything that moves with time, and then again. */
async function draw() {
  if (document.visibilityState !== "hidden") {
    const lives = drawn.map((token) => ({ keyId: token.keyId, age: token.life - source.remaining(token), life: token.life }));
    const [, read] = await Promise.all([showPicture(byId("timeline"), lives.filter(({ keyId }) => keyId)), fetchRing("keys")]);
    if (read) showRing((ring = read));
  }
  setTimeout(draw, every);
}

/** @param {import("./ring.js").Ring} ring */
function showRing(ring) {
  showKeys(byId("keys"), ring.items, current?.keyId ?? "");
  showMoves(byId("moves"), ring.moves);
  byId("story").textContent = story(ring, current && { keyId: current.keyId, left: source.remaining(current) });
  document.body.classList.toggle("stopped", ring.stopped > 0);
}

/** What each button does, as the call that is shown. @type {Record<string, () => import("./code.js").Call | undefined>} */
const calls = {
  rotate: () => rotateCall(project),
  revoke: () => {
    const active = ring?.items.find(({ state }) => state === "active");
    return active && revokeCall(project, active.generation);
  },
  outage: () => undefined, // the demo's own doing: no call stops a store
};

/** @param {HTMLButtonElement} button */
async function press(button) {
  const name = button.dataset.act ?? "";
  const made = calls[name]?.();
  button.disabled = true;
  const answer = await act(name);
  button.disabled = false;
  const text = outcomeOf(name, answer);
  byId("outcome").textContent = text;
  log(text, true);
  if (made) show(made);
}

function offerSound() {
  const button = byId("sound");
  button.addEventListener("click", () => void (video.muted = !video.muted));
  video.addEventListener("volumechange", () => button.setAttribute("aria-pressed", String(!video.muted)));
}

async function copy() {
  const button = byId("copy");
  try {
    await navigator.clipboard.writeText(byId("code").textContent ?? "");
    button.textContent = "Copied";
  } catch {
    getSelection()?.selectAllChildren(byId("code"));
    button.textContent = "Selected: copy it";
  }
  setTimeout(() => void (button.textContent = "Copy"), 2000);
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    language = /** @type {import("./code.js").Language} */ (/** @type {HTMLElement} */ (button).dataset.language);
    for (const other of document.querySelectorAll("[data-language]")) other.setAttribute("aria-pressed", String(other === button));
    show(call);
  });
}
for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-act]"))) {
  button.addEventListener("click", () => press(button));
}
byId("copy").addEventListener("click", copy);
offerSound();
setInterval(showLife, 500);
draw();
source.watch(video);
play();
