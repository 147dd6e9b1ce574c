import { test } from "node:test";
import assert from "node:assert/strict";
import { Player } from "../static/player/player.js";
import { refusal, settle } from "./world.js";

const url = "https://media.test/v/hls.m3u8?jwt=x";

/** A browser's video element, as far as a player sees it. */
class Video extends EventTarget {
  controls = true;
  readyState = 0;
  currentTime = 0;
  src = "";
  constructor(hls) {
    super();
    this.canPlayType = () => (hls ? "maybe" : "");
  }
  removeAttribute(name) {
    this[name] = "";
  }
  load() {}
}

class MediaSource extends EventTarget {
  static isTypeSupported = () => true;
  constructor() {
    super();
    setImmediate(() => this.dispatchEvent(new Event("sourceopen")));
  }
}

/** Starts a player in a browser with or without the means, and returns what it told. */
async function start(t, { mse, hls, answer, readyState = 0, native }) {
  globalThis.HTMLMediaElement = { HAVE_NOTHING: 0 };
  globalThis.MediaSource = mse ? MediaSource : undefined;
  t.mock.method(URL, "createObjectURL", () => "blob:x");
  t.mock.method(URL, "revokeObjectURL", () => {});
  t.mock.method(globalThis, "fetch", async () => Object.defineProperty(answer.clone(), "url", { value: url }));
  const video = Object.assign(new Video(hls), { readyState });
  const told = [];
  const player = new Player(video, async () => url);
  player.addEventListener("choose", ({ detail }) => told.push(detail.native ? "native" : "own"));
  player.addEventListener("error", ({ detail }) => told.push(detail.error.code));
  player.addEventListener("reopen", ({ detail }) => told.push(`reopen: ${detail.code}`));
  player.start({ native });
  for (let i = 0; i < 10; i++) await settle();
  return { told, controls: video.controls, src: video.src };
}

const unknown = new Response("#EXTM3U\n#EXTINF:5,\n0.ts\n#EXT-X-ENDLIST\n");
const ended = refusal(403, "session_ended");

for (const [name, given, told, controls, src] of [
  ["our own loader comes first", { mse: true, hls: true, answer: ended }, ["own", "reopen: session_ended", "session_ended"], false, ""],
  ["the browser's HLS where there is no MSE", { hls: true, answer: unknown }, ["native"], true, url],
  ["the browser's HLS where it is wanted", { mse: true, hls: true, native: true, answer: unknown }, ["native"], true, url],
  ["the browser's HLS for a stream of another kind", { mse: true, hls: true, answer: unknown }, ["own", "native"], true, url],
  ["a stream of another kind and no HLS", { mse: true, answer: unknown }, ["own", "playlist_unsupported"], false, ""],
  ["neither MSE nor HLS", { answer: unknown }, ["no_player"], false, ""],
  ["what has arrived may be watched", { mse: true, hls: true, readyState: 4, answer: unknown }, ["own", "playlist_unsupported"], true, "blob:x"],
]) {
  test(`player: ${name}`, async (t) => {
    assert.deepEqual(await start(t, given), { told, controls, src });
  });
}
