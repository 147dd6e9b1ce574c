// Players whose requests no page can change: a token is kept ready for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { attach as attachFrame } from "../sdk/src/iframe.js";
import { attach as attachNative } from "../sdk/src/native.js";

const settled = () => new Promise((done) => setTimeout(done));

/** A source that says whether a token is kept ready. */
function sourceOf(renew) {
  const token = (n) => ({ token: `t${n}`, urls: { hls: `https://media.test/${n}`, embed: `https://media.test/embed/v?jwt=${n}` }, delivery: { renew } });
  const source = {
    kept: 0, refusals: 0, get: async () => token(1), accepted() {},
    refused: async () => token(++source.refusals + 1),
    keepFresh() {
      source.kept++;
      return () => source.kept--;
    },
    watch: () => source.keepFresh(),
  };
  return source;
}

test("while the browser's own player plays, the next token is ready, where one will be needed", async () => {
  for (const [renew, kept] of [["request", 1], ["url", 1], ["none", 0]]) {
    const media = Object.assign(new EventTarget(), { src: "", currentTime: 0, playbackRate: 1, paused: false, ended: false, error: null, play: async () => {}, pause() {} });
    const source = sourceOf(renew);
    const stop = attachNative(media, source);
    await settled();
    assert.deepEqual([media.src, source.kept], ["https://media.test/1", kept], renew);
    media.error = { code: 2 };
    media.dispatchEvent(new Event("error"));
    await settled();
    assert.deepEqual([media.src, source.kept], ["https://media.test/2", kept], renew);
    stop();
    assert.equal(source.kept, 0, renew);
  }
});

test("while a frame plays, the next token is ready", async () => {
  const page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  const sent = [];
  const frame = Object.assign(new EventTarget(), { src: "", contentWindow: { postMessage: (message) => sent.push(message.token) } });
  const source = sourceOf("request");
  const tell = async (data) => {
    const message = Object.assign(new Event("message"), { source: frame.contentWindow, origin: "https://media.test", data: { protocol: "playtoken", version: 1, ...data } });
    page.dispatchEvent(message);
    await settled();
    return source.kept;
  };
  const stop = attachFrame(frame, source);
  await settled();
  assert.equal(frame.src, "https://media.test/embed/v?jwt=1");
  assert.equal(await tell({ type: "ready" }), 0);
  for (let i = 0; i < 2; i++) assert.equal(await tell({ type: "time", paused: false }), 1);
  assert.equal(await tell({ type: "needs-token", code: "session_ended" }), 1);
  assert.deepEqual(sent, ["t2"]);
  assert.equal(await tell({ type: "time", paused: true }), 0);
  assert.equal(await tell({ type: "time", paused: false }), 1);
  assert.equal(await tell({ type: "ended" }), 0);
  assert.equal(await tell({ type: "time", paused: false }), 1);
  stop();
  assert.equal(source.kept, 0);
  delete globalThis.addEventListener;
});
