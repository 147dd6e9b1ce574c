import { test } from "node:test";
import assert from "node:assert/strict";
import { HlsPlayer } from "../static/player/hls-player.js";
import { settle } from "./world.js";

/** hls.js in small: it does nothing, and a test tells it what to say. */
class Library extends EventTarget {
  static DefaultConfig = { loader: class {} };
  static Events = { MANIFEST_PARSED: "manifest", ERROR: "error", FRAG_BUFFERED: "buffered" };
  static isSupported = () => true;
  levels = [{ height: 180, bitrate: 90_000 }, { height: 720, bitrate: 2_500_000 }];
  manualLevel = -1;
  audioTrack = 0;
  audioTracks = [{ name: "English" }, { lang: "de" }];
  subtitleTrack = -1;
  subtitleTracks = [];
  calls = [];
  constructor(config) {
    super();
    Library.last = Object.assign(this, { config });
  }
  on(name, hear) {
    this.addEventListener(name, ({ detail }) => hear(name, detail));
  }
  say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
  loadSource(url) { this.calls.push(url); }
  attachMedia() {}
  stopLoad() { this.calls.push("stop"); }
  recoverMediaError() { this.calls.push("mend"); }
}

async function setUp() {
  globalThis.Hls = Library;
  const player = new HlsPlayer({}, async () => "https://m.test/v/hls.m3u8", { address: (a) => a, renew: async () => {} });
  const told = [];
  for (const type of ["retry", "recover", "error"]) player.addEventListener(type, ({ detail }) => told.push(detail.error ? `${type} ${detail.error.code}` : type));
  await player.start();
  return { player, told, hls: Library.last };
}

const failed = (details, more = {}) => ({ type: "networkError", details, fatal: false, ...more });

test("hls.js works without a worker and keeps little ahead", async () => {
  const { hls } = await setUp();
  assert.equal(hls.config.enableWorker, false);
  assert.ok(hls.config.maxMaxBufferLength <= 60);
});

test("a refusal stops at once, a hiccup is told and forgotten, a seek is neither", async () => {
  const { hls, told } = await setUp();
  hls.say("error", failed("aborted"));
  hls.say("error", failed("fragLoadTimeOut"));
  hls.say("buffered");
  hls.say("error", failed("fragLoadError", { response: { code: 403, text: "session_ended" } }));
  hls.say("error", failed("fragLoadError", { fatal: true, response: { code: 403, text: "session_ended" } }));
  await settle();
  assert.deepEqual(told, ["retry network", "recover", "error session_ended"]);
  assert.deepEqual(hls.calls.slice(1), ["stop"]);
});

for (const [details, type, code] of [
  ["manifestIncompatibleCodecsError", "mediaError", "codecs_unsupported"],
  ["manifestParsingError", "networkError", "playlist_unsupported"],
  ["keySystemNoKeys", "keySystemError", "codecs_unsupported"],
  ["manifestLoadError", "networkError", "video_unavailable"],
]) {
  test(`hls.js: ${details} is ${code}`, async () => {
    const { hls, told } = await setUp();
    hls.say("error", { type, details, fatal: true, response: code === "video_unavailable" ? { code: 422, text: code } : undefined });
    await settle();
    assert.deepEqual(told, [`error ${code}`]);
  });
}

test("errors of the decoder are mended twice", async () => {
  const { hls, told } = await setUp();
  for (let i = 0; i < 3; i++) hls.say("error", { type: "mediaError", details: "bufferAppendError", fatal: true });
  await settle();
  assert.deepEqual(hls.calls.slice(1), ["mend", "mend", "stop"]);
  assert.deepEqual(told, ["error media_error"]);
});

test("only what is a choice is offered", async () => {
  const { player, hls } = await setUp();
  assert.deepEqual(player.tracks, [
    { kind: "quality", current: -1, options: [{ id: -1, label: "Automatic" }, { id: 1, label: "720p, 2.5 Mbit/s" }, { id: 0, label: "180p, 90 kbit/s" }] },
    { kind: "audio", current: 0, options: [{ id: 0, label: "English" }, { id: 1, label: "de" }] },
  ]);
  player.select("audio", 1);
  player.select("quality", 0);
  player.select("subtitles", 0);
  assert.deepEqual([hls.audioTrack, hls.nextLevel, hls.subtitleTrack], [1, 0, 0]);
});
