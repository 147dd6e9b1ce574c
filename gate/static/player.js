// The gate's player. It reads the HLS playlists itself and feeds fragmented
// MP4 to Media Source Extensions; where the browser has none, or the stream is
// of another kind, the browser gets the manifest and plays it on its own.
//
// Every URI in the playlists carries the session ticket already, so nothing
// here knows about tokens.
"use strict";

const AHEAD = 20; // seconds to have in the buffer
const BEHIND = 30; // seconds to keep after they were shown
const GAP = 0.5; // seconds without data that are jumped over
const TRIES = 4; // per file

// Refused is an answer that trying again does not change.
class Refused extends Error {}

async function load(uri, kind) {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch(uri);
      if (answer.ok) return await answer[kind]();
      const problem = await answer.json().catch(() => ({}));
      if (answer.status < 500) throw new Refused(problem.detail || answer.statusText);
      throw new Error(problem.detail || answer.statusText);
    } catch (error) {
      if (error instanceof Refused || attempt === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
    }
  }
}

const lines = (text) => text.split(/\r?\n/).filter((line) => line !== "");
const attribute = (line, name) =>
  (line.match(new RegExp(`[:,]${name}=("[^"]*"|[^,]*)`)) || ["", ""])[1].replaceAll('"', "");

// renditions lists what a master playlist offers, the smallest first. Sound in
// files of its own is left to the browser.
function renditions(text, base) {
  const found = [];
  if (/^#EXT-X-MEDIA:.*TYPE=AUDIO.*URI=/m.test(text)) return found;
  const all = lines(text);
  all.forEach((line, i) => {
    if (!line.startsWith("#EXT-X-STREAM-INF:")) return;
    found.push({
      uri: new URL(all[i + 1], base).href,
      bandwidth: Number(attribute(line, "BANDWIDTH")),
      type: `video/mp4; codecs="${attribute(line, "CODECS")}"`,
    });
  });
  return found.sort((a, b) => a.bandwidth - b.bandwidth);
}

// segments reads a media playlist; null if it is not a complete, unencrypted
// one of fragmented MP4.
function segments(text, base) {
  const map = text.match(/^#EXT-X-MAP:URI="([^"]*)"/m);
  const keys = (text.match(/^#EXT-X-KEY:.*$/gm) || []).filter((line) => attribute(line, "METHOD") !== "NONE");
  if (!map || keys.length > 0 || !/^#EXT-X-ENDLIST/m.test(text) || /^#EXT-X-BYTERANGE/m.test(text)) return null;
  const list = [];
  let start = 0;
  let duration = 0;
  for (const line of lines(text)) {
    if (line.startsWith("#EXTINF:")) duration = parseFloat(line.slice(8));
    if (line.startsWith("#")) continue;
    list.push({ uri: new URL(line, base).href, start, end: start + duration });
    start += duration;
  }
  return { init: new URL(map[1], base).href, list, duration: start };
}

// Loader fills one source buffer around the place that is being watched.
class Loader {
  constructor(video, choices, playlist) {
    this.video = video;
    this.choices = choices; // renditions that this browser can play
    this.playlist = playlist; // of the rendition in use
    this.choice = 0;
    this.speed = 0; // bits per second of the last segment
    this.media = new MediaSource();
  }

  async run() {
    this.video.src = URL.createObjectURL(this.media);
    await once(this.media, "sourceopen");
    URL.revokeObjectURL(this.video.src);
    this.media.duration = this.playlist.duration;
    this.buffer = this.media.addSourceBuffer(this.choices[0].type);
    await this.append(await load(this.playlist.init, "arrayBuffer"));
    for (;;) await this.step();
  }

  // step fetches one segment, or waits until there is a reason to.
  async step() {
    const at = this.video.currentTime;
    const end = this.bufferedTo(at);
    const next = this.playlist.list.find((s) => s.end > end + 0.1);
    if (!next) {
      if (this.media.readyState === "open") this.media.endOfStream();
      return once(this.video, "seeking");
    }
    if (end > at + AHEAD) return once(this.video, "timeupdate", "seeking");
    await this.choose();
    const segment = this.playlist.list.find((s) => s.end > end + 0.1) || next;
    const began = performance.now();
    const bytes = await load(segment.uri, "arrayBuffer");
    this.speed = (bytes.byteLength * 8000) / Math.max(1, performance.now() - began);
    await this.append(bytes);
    await this.forget();
    this.jump();
  }

  // bufferedTo is the end of what can be shown from a place on without a stop.
  bufferedTo(at) {
    const b = this.buffer.buffered;
    for (let i = 0; i < b.length; i++) {
      if (b.start(i) <= at + GAP && at < b.end(i)) return b.end(i);
    }
    return at;
  }

  // choose moves to the largest rendition that arrives half as fast again as
  // it is shown.
  async choose() {
    let best = 0;
    this.choices.forEach((c, i) => {
      if (c.bandwidth * 1.5 < this.speed) best = i;
    });
    if (best === this.choice) return;
    const uri = this.choices[best].uri;
    const playlist = segments(await load(uri, "text"), uri);
    if (!playlist) return;
    this.buffer.changeType(this.choices[best].type);
    await this.append(await load(playlist.init, "arrayBuffer"));
    this.choice = best;
    this.playlist = playlist;
  }

  async append(bytes) {
    this.buffer.appendBuffer(bytes);
    await once(this.buffer, "updateend");
  }

  // forget gives back memory that was shown long ago.
  async forget() {
    const old = this.video.currentTime - BEHIND;
    const b = this.buffer.buffered;
    if (b.length === 0 || b.start(0) >= old - BEHIND) return;
    this.buffer.remove(0, old);
    await once(this.buffer, "updateend");
  }

  // jump goes over a small hole, such as one before the first picture.
  jump() {
    const at = this.video.currentTime;
    const b = this.buffer.buffered;
    for (let i = 0; i < b.length; i++) {
      if (b.start(i) > at && b.start(i) <= at + GAP && this.bufferedTo(at) === b.end(i)) {
        this.video.currentTime = b.start(i);
        return;
      }
    }
  }
}

// once waits for the first of some events.
function once(target, ...names) {
  return new Promise((resolve) => {
    const done = () => {
      names.forEach((name) => target.removeEventListener(name, done));
      resolve();
    };
    names.forEach((name) => target.addEventListener(name, done));
  });
}

async function play(video) {
  const source = new URL(video.dataset.source, location.href).href;
  const text = await load(source, "text");
  const choices = renditions(text, source).filter((c) => window.MediaSource && MediaSource.isTypeSupported(c.type));
  if (choices.length > 0) {
    const playlist = segments(await load(choices[0].uri, "text"), choices[0].uri);
    if (playlist) return new Loader(video, choices, playlist).run();
  }
  if (!video.canPlayType("application/vnd.apple.mpegurl")) {
    throw new Refused("this browser cannot play the video");
  }
  video.src = source;
}

play(document.getElementById("video")).catch((error) => {
  const message = document.getElementById("message");
  message.textContent = `The video cannot be played: ${error.message}.`;
  message.hidden = false;
});
