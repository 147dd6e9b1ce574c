import assert from "node:assert/strict";
import { test } from "node:test";
import { attach } from "../sdk/src/dashjs.js";
import { requestsOf, travel } from "../sdk/src/delivery.js";

const hls = "https://media.test/v/hls.m3u8?jwt=first";
const token = (delivery, more = {}) => ({ token: "new", urls: { hls }, delivery: { place: "query", name: "jwt", renew: "request", ...delivery }, ...more });
const plain = (url) => ({ url, headers: {}, credentials: false });

test("a token replaces the one in an address, and every other byte stays", () => {
  for (const [address, want] of [
    ["https://media.test/v/a.m4s", "https://media.test/v/a.m4s?jwt=new"],
    ["https://media.test/v/a.m4s?", "https://media.test/v/a.m4s?jwt=new"],
    ["https://media.test/v/a.m4s?ticket=2.x%2fy&b=+&c", "https://media.test/v/a.m4s?ticket=2.x%2fy&b=+&c&jwt=new"],
    ["https://media.test/v/a.m4s?jwt=old&ticket=t#f?g", "https://media.test/v/a.m4s?ticket=t&jwt=new#f?g"],
    ["https://media.test/v/a.m4s?notjwt=1&jwt=old&jwt=older", "https://media.test/v/a.m4s?notjwt=1&jwt=new"],
    [hls, hls], // as it came
  ]) {
    assert.deepEqual(travel(address, token({}), hls), plain(address === hls ? hls : want));
  }
});

test("a token goes to the video's origin alone", () => {
  const deliveries = [{}, { place: "header", name: "Authorization" }, { place: "cookie" }, { renew: "url", carry: ["jwt"] }];
  for (const delivery of deliveries) {
    for (const address of ["https://media.test.evil.test/k", "http://media.test/k", "https://media.test:444/k", "data:,x", "blob:https://media.test/1", "skd://k"]) {
      if (address.startsWith("blob:")) continue; // its origin is that of the page
      assert.deepEqual(travel(address, token(delivery), hls), plain(address), address);
    }
  }
  assert.deepEqual(travel("https://media.test/v/a", token({}), undefined), plain("https://media.test/v/a"));
});

test("each place of a token", () => {
  const address = "https://media.test/v/a.m4s?x=1";
  for (const [delivery, want] of [
    [{ place: "header", name: "Authorization" }, { headers: { Authorization: "Bearer new" } }],
    [{ place: "header", name: "X-Token" }, { headers: { "X-Token": "new" } }],
    [{ place: "cookie", name: "c" }, { credentials: true }],
    [{ renew: "none" }, {}],
    [{ renew: "url" }, {}],
    [{ renew: "url", carry: ["jwt", "other"] }, { url: address + "&jwt=first" }], // of the address that is being played
    [{ place: "path", name: "t", renew: "url" }, {}],
  ]) {
    assert.deepEqual(travel(address, token(delivery), hls), { ...plain(address), ...want });
  }
  const signed = token({ name: "" }, { token: "Policy=p2&Signature=s2&Key-Pair-Id=k2" }); // a query by itself
  assert.equal(travel("https://media.test/a?Policy=p1&v=1&Signature=s1", signed, hls).url, "https://media.test/a?v=1&Policy=p2&Signature=s2&Key-Pair-Id=k2");
});

/** A source whose next tokens are known. */
function sourceOf(...tokens) {
  const told = [];
  return {
    told, get: async () => tokens[0],
    accepted: (t) => told.push(["accepted", t.token]),
    refused: async (t) => {
      told.push(["refused", t.token]);
      if (tokens.length < 2) throw new Error("over");
      tokens.shift();
      return tokens[0];
    },
  };
}

test("a refused request is sent again with another token, and no more once it is over", async () => {
  const source = sourceOf(token({}), token({}, { token: "newer" }));
  const requests = requestsOf(source, () => assert.fail("reloaded"));
  const first = await requests.next("https://media.test/v/a");
  assert.equal(first.url, "https://media.test/v/a?jwt=new");
  assert.equal(await requests.answered(first.token, 206), undefined);
  assert.equal((await requests.answered(first.token, 401)).token, "newer");
  const second = await requests.next("https://media.test/v/a");
  assert.equal(second.url, "https://media.test/v/a?jwt=newer");
  assert.equal(await requests.answered(second.token, 403), undefined);
  for (const status of [0, 404, 500]) assert.equal(await requests.answered(second.token, status), undefined);
  assert.equal(await requests.answered(undefined, 401), undefined);
  assert.deepEqual(source.told, [["accepted", "new"], ["refused", "new"], ["refused", "newer"]]);
});

test("where a platform wants another address, it is loaded once, and requests stay as they are", async () => {
  const url = (n) => token({ renew: "url" }, { token: n, urls: { hls: "https://media.test/" + n } });
  const loaded = [];
  const requests = requestsOf(sourceOf(url("one"), url("two")), (t) => loaded.push(t.token));
  const { token: one, url: asked } = await requests.next("https://media.test/v/a");
  assert.equal(asked, "https://media.test/v/a");
  assert.equal(await requests.answered(one, 403), undefined);
  assert.deepEqual(loaded, ["two"]);
  assert.equal((await requests.next("https://media.test/v/a")).token.token, "two");
});

/** A dash.js in small: what an adapter sees of it. */
function dashPlayer() {
  const hooks = { asked: [], answered: [] };
  const loaded = [];
  return {
    hooks, loaded, media: { paused: true, currentTime: 0, play: async () => loaded.push("play") },
    getVideoElement() { return this.media; },
    attachSource: (url, start) => loaded.push([url, start]),
    addRequestInterceptor: (hook) => hooks.asked.push(hook),
    removeRequestInterceptor: (hook) => hooks.asked.splice(hooks.asked.indexOf(hook), 1),
    addResponseInterceptor: (hook) => hooks.answered.push(hook),
    removeResponseInterceptor: (hook) => hooks.answered.splice(hooks.answered.indexOf(hook), 1),
  };
}

const dashToken = (text, delivery = {}) => token(delivery, { token: text, urls: { dash: `https://media.test/v/a.mpd?jwt=${text}` } });
const settled = () => new Promise((done) => setTimeout(done));

test("dash.js: the newest token is on every request, and only what it opened is loaded", async () => {
  const player = dashPlayer();
  const source = { ...sourceOf(dashToken("t1"), dashToken("t2")), watch: () => () => player.loaded.push("unwatched") };
  const stop = attach(player, source);
  await settled();
  assert.deepEqual(player.loaded, [["https://media.test/v/a.mpd?jwt=t1", undefined]]);
  const manifest = await player.hooks.asked[0]({ url: "https://media.test/v/a.mpd?jwt=t1", headers: { a: "b" } });
  assert.deepEqual(manifest, { url: "https://media.test/v/a.mpd?jwt=t1", headers: { a: "b" } });
  const request = await player.hooks.asked[0]({ url: "https://media.test/v/~T/1.m4s" });
  assert.equal(request.url, "https://media.test/v/~T/1.m4s?jwt=t1");
  const response = { request, status: 401 };
  assert.equal(await player.hooks.answered[0](response), response);
  await settled();
  assert.equal((await player.hooks.asked[0]({ url: "https://media.test/v/~T/1.m4s" })).url, "https://media.test/v/~T/1.m4s?jwt=t2");
  assert.equal((await player.hooks.asked[0]({ url: "https://other.test/1.m4s" })).url, "https://other.test/1.m4s");
  assert.deepEqual(source.told, [["refused", "t1"]]);
  stop();
  assert.deepEqual([player.hooks, player.loaded.length, player.loaded.at(-1)], [{ asked: [], answered: [] }, 2, "unwatched"]);
});

test("dash.js: where a platform wants another address, it goes on in that where it was", async () => {
  const player = dashPlayer();
  const source = { ...sourceOf(dashToken("t1", { renew: "url" }), dashToken("t2", { renew: "url" })), watch: () => () => {} };
  attach(player, source);
  await settled();
  const request = await player.hooks.asked[0]({ url: "https://media.test/v/1.m4s" });
  assert.equal(request.url, "https://media.test/v/1.m4s");
  Object.assign(player.media, { paused: false, currentTime: 7 });
  await player.hooks.answered[0]({ request, status: 403 });
  await settled();
  assert.deepEqual(player.loaded.slice(1), [["https://media.test/v/a.mpd?jwt=t2", 7], "play"]);
});
