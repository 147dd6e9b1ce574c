/**
 * The page of players_test.go: each player plays the same video from a seat of
 * its own, which is a media server and a back end that the test disturbs.
 */
import { createTokenSource } from "/sdk/index.js";
import "/sdk/element.js";
import * as dashPlayer from "/sdk/dashjs.js";
import * as hlsjs from "/sdk/hlsjs.js";
import * as iframe from "/sdk/iframe.js";
import * as native from "/sdk/native.js";
import * as shakaPlayer from "/sdk/shaka.js";
import * as videojsPlayer from "/sdk/videojs.js";

const ahead = 5; // seconds that players keep ready, so that they ask often
const hlsSettings = { maxBufferLength: ahead, maxMaxBufferLength: ahead, startLevel: 1 };
const mime = "application/x-mpegURL";

/** What plays: each gets an element's parent and either a source of tokens or a plain URL. */
const players = {
  "hls.js": (parent, source, url) => {
    const video = element(parent);
    const hls = new Hls(hlsSettings);
    if (source) hlsjs.attach(hls, source);
    else hls.loadSource(url);
    hls.attachMedia(video);
    return { media: video, quality: (n) => (hls.nextLevel = n) };
  },
  "dash.js": (parent, source, url) => {
    const player = dashjs.MediaPlayer().create();
    const video = element(parent);
    player.updateSettings({ streaming: { capabilities: { useMediaCapabilitiesApi: false }, buffer: { bufferTimeDefault: ahead, bufferTimeAtTopQuality: ahead, bufferTimeAtTopQualityLongForm: ahead },
      abr: { autoSwitchBitrate: { video: false } } } });
    player.initialize(video, undefined, true);
    if (source) dashPlayer.attach(player, source);
    else player.attachSource(url.replace("hls.m3u8", "manifest.mpd"));
    return { media: video, quality: (n) => player.setRepresentationForTypeByIndex("video", n, true) };
  },
  shaka: (parent, source, url) => {
    const video = element(parent);
    const player = new shaka.Player();
    player.configure({ streaming: { bufferingGoal: ahead, rebufferingGoal: 1 }, abr: { enabled: false } });
    player.attach(video).then(() => (source ? shakaPlayer.attach(player, source) : player.load(url))).catch(report(parent));
    const quality = (n) => {
      const track = player.getVariantTracks().sort((a, b) => a.height - b.height)[n];
      if (track) player.selectVariantTrack(track, true); // it has none once it has failed
    };
    return { media: video, quality };
  },
  "video.js": (parent, source, url) => {
    const player = videojs(element(parent), { html5: { vhs: { overrideNative: true } } });
    if (source) videojsPlayer.attach(player, source);
    else player.src({ src: url, type: mime });
    const quality = (n) => player.tech(true).vhs?.representations?.().forEach((r) => r.enabled((r.height > 200) === (n > 0)));
    return { media: player.tech(true).el(), quality, player };
  },
  vidstack: (parent, source, url) => {
    const player = document.createElement("media-player");
    player.muted = player.autoPlay = true;
    player.load = "eager"; // not only once it is in sight
    player.addEventListener("provider-change", ({ detail: provider }) => {
      if (provider?.type !== "hls") return;
      provider.library = Hls;
      provider.config = { ...hlsSettings, ...(source && hlsjs.hlsConfig(source)) };
    });
    player.append(document.createElement("media-provider"));
    parent.append(player);
    const media = () => player.querySelector("video");
    player.addEventListener("can-play", () => source?.watch(media()), { once: true });
    opened(source, url).then((src) => (player.src = { src, type: mime })).catch(report(parent));
    return { get media() { return media(); }, quality: (n) => player.qualities[n] && (player.qualities[n].selected = true) };
  },
  "mux-video": (parent, source, url) => {
    const video = element(parent, "mux-video");
    video._hlsConfig = { ...hlsSettings, ...(source && hlsjs.hlsConfig(source)) };
    video.preferPlayback = "mse";
    if (source) native.attach(video, source);
    else video.src = url;
    source?.watch(video);
    return { media: video, quality: (n) => (video._hls.nextLevel = n) };
  },
  native: (parent, source, url) => {
    const video = element(parent);
    if (source) native.attach(video, source);
    else video.src = url;
    return { media: video };
  },
  // The gate's own page, which seeks and pauses for its viewer alone.
  iframe: (parent, source) => {
    const frame = element(parent, "iframe");
    const media = { currentTime: 0, paused: true, ended: false, play() {}, pause() {} };
    frame.addEventListener("playtoken:time", ({ detail: { time, paused } }) => Object.assign(media, { currentTime: time, paused }));
    iframe.attach(frame, source, { autoplay: "1", muted: "1" });
    return { get media() { return Object.create(media, { currentTime: { get: () => media.currentTime, set() {} } }); } };
  },
  element: (parent, _, __, name) => {
    const video = document.createElement("playtoken-video");
    const attributes = { endpoint: `/token/${name}`, "video-id": "counter", hls: "/npm/hls.js/dist/hls.mjs", muted: "", autoplay: "", controls: "" };
    for (const [name, value] of Object.entries(attributes)) video.setAttribute(name, value);
    video.hlsSettings = hlsSettings;
    parent.append(video);
    video.addEventListener("tokenend", ({ detail }) => seats[name].events.push(`end ${detail.error.reason}`));
    return { media: video, quality: (n) => (video.player.nextLevel = n) };
  },
  react: (parent, _, __, name) => {
    react.show(parent, { endpoint: `/token/${name}`, videoId: "counter", hls: "/npm/hls.js/dist/hls.mjs", muted: true, autoPlay: true, hlsSettings,
      onTokenEnd: ({ detail }) => seats[name].events.push(`end ${detail.error.reason}`) });
    const video = () => parent.querySelector("playtoken-video");
    return { get media() { return video(); }, quality: (n) => (video().player.nextLevel = n) };
  },
};


function element(parent, name = "video") {
  const video = document.createElement(name);
  video.muted = video.autoplay = video.playsInline = true;
  video.width = 160;
  parent.append(video);
  return video;
}

const report = (parent) => (error) => parent.append(`failed: ${error.message ?? error.code}`);

const opened = async (source, url) => (source ? (await source.get()).urls.hls : url);

/** Those that make their own source. */
const own = ["element", "react"];

/** Everything that plays, by the name of its seat. */
const seats = (globalThis.seats = {});

/** Begins to play. `how`: with the package, with two lines of code, or without a gate. */
globalThis.play = async (name, kind, how) => {
  const parent = document.createElement("div");
  const label = parent.appendChild(document.createElement("p"));
  document.body.append(parent);
  const seat = (seats[name] = { how, stalled: 0, longest: 0, still: 0, last: 0, moved: 0, begun: false, events: [], label, name });
  const source = how === "sdk" && !own.includes(kind) ? createTokenSource({ endpoint: `/token/${name}`, videoId: "counter" }) : undefined;
  source?.addEventListener("end", ({ detail }) => seat.events.push(`end ${detail.error.reason}`));
  const url = how === "free" ? `/free/counter/hls.m3u8` : how === "naive" ? (await ask(name)).urls.hls : "";
  seat.source = source;
  const made = players[kind](parent, source, url && new URL(url, location.href).href, name);
  Object.defineProperty(seat, "media", { get: () => made.media });
  seat.quality = made.quality;
};

async function ask(name) {
  const answer = await fetch(`/token/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"video_id":"counter"}' });
  return answer.json();
}

const step = 0.1; // seconds
const noticed = 0.5; // seconds that a picture stands still before a viewer minds
let before = performance.now() / 1000;
setInterval(() => {
  const now = performance.now() / 1000;
  const passed = now - before;
  before = now;
  for (const seat of Object.values(seats)) sample(seat, passed);
}, step * 1000);

/** Counts the time for which a picture that should move stands still. */
function sample(seat, passed) {
  const { media } = seat;
  if (!media) return;
  const time = media.currentTime;
  if (time !== seat.last) {
    if (seat.still > noticed) seat.stalled += seat.still;
    seat.longest = Math.max(seat.longest, seat.still);
    seat.still = 0;
    seat.moved += Math.max(0, Math.min(time - seat.last, 1));
    seat.begun ||= time > 0.5;
  } else if (seat.begun && !media.paused && !media.ended) seat.still += passed;
  seat.last = time;
  seat.label.textContent = `${seat.name} at ${time.toFixed(1)}, moved ${seat.moved.toFixed(1)}, ${seat.events}`;
}

/** What was seen since the last time. */
globalThis.seen = () => {
  const all = {};
  for (const [name, seat] of Object.entries(seats)) {
    const still = seat.still > noticed ? seat.still : 0;
    all[name] = {
      stalled: seat.stalled + still, longest: Math.max(seat.longest, still), moved: seat.moved, time: seat.media?.currentTime ?? 0,
      frozen: still > 2 || !seat.begun, events: seat.events,
    };
    Object.assign(seat, { stalled: 0, longest: 0, moved: 0, still: 0, events: [] });
  }
  return all;
};

/** Does something with each player. */
globalThis.each = (run) => Object.values(seats).forEach((seat) => run(seat));

/** Whether each player with the package has moved on by so many seconds since it was last asked about. */
globalThis.movedOn = (seconds) => packaged().every(({ moved }) => moved >= seconds);

/** Whether each of them was told that it is over. */
globalThis.allOver = () => packaged().every(({ events }) => events.length > 0);

globalThis.packaged = () => Object.values(seats).filter(({ how }) => how === "sdk");
