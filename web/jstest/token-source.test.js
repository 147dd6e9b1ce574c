import { test } from "node:test";
import assert from "node:assert/strict";
import { TokenSource } from "../static/token-source.js";
import { World, refusal, settle, tokenAnswer } from "./world.js";

function setUp(options = {}) {
  const world = new World();
  const source = new TokenSource("/token", { surroundings: world.surroundings, ...options });
  const events = [];
  for (const type of ["refresh", "error"]) source.addEventListener(type, (event) => events.push({ type, ...event.detail }));
  return { world, source, events };
}

test("a token is asked for once and then kept", async () => {
  const { world, source, events } = setUp();
  const first = await source.get("v");
  assert.equal(await source.get("v"), first);
  assert.equal(world.asked.length, 1);
  const { url, method, body, credentials, cache, redirect, referrerPolicy } = world.asked[0];
  assert.deepEqual(
    { url, method, body, credentials, cache, redirect, referrerPolicy },
    { url: "/token", method: "POST", body: '{"video_id":"v"}', credentials: "same-origin", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" },
  );
  assert.equal(first.keyId, "k1");
  assert.equal(first.urls.hls, "https://media.test/v/hls.m3u8?jwt=x");
  assert.deepEqual(events.map((e) => [e.type, e.token, e.previous]), [["refresh", first, undefined]]);
});

test("simultaneous calls share one request; another video has its own", async () => {
  const { world, source } = setUp();
  world.answers = [() => tokenAnswer(), () => tokenAnswer({ video_id: "w" })];
  const [a, b, c, w] = await Promise.all([source.get("v"), source.get("v"), source.fresh("v"), source.get("w")]);
  assert.ok(a === b && b === c && w.videoId === "w");
  assert.equal(world.asked.length, 2);
});

test("life is counted from before the question", async () => {
  const { world, source } = setUp();
  world.answers = [(w) => { w.time += 7000; return tokenAnswer({ life: 100 }); }];
  const token = await source.get("v");
  assert.equal(source.remaining(token), 93);
});

test("a token is replaced at refresh_at, with jitter inside the time left", async () => {
  const { world, source, events } = setUp();
  const first = await source.get("v"); // refresh at 80 of 100, jitter half of a fifth of 20
  await world.pass(81.9);
  assert.equal(world.asked.length, 1);
  await world.pass(0.2);
  assert.equal(world.asked.length, 2);
  assert.equal(events[1].previous, first);
  assert.notEqual(await source.get("v"), first);
});

test("a service without refresh_at is asked at three quarters", async () => {
  const { world, source } = setUp();
  world.answers = [() => tokenAnswer({ refresh_at: undefined })];
  assert.equal((await source.get("v")).refreshIn, 75);
});

test("get hands out no token that is about to end", async () => {
  const { world, source } = setUp();
  world.show("hidden"); // so that nothing is refreshed behind our back
  const first = await source.get("v");
  await world.pass(89);
  assert.equal(await source.get("v"), first);
  await world.pass(2);
  assert.notEqual(await source.get("v"), first);
});

test("a hidden page sends no request, and catches up when it becomes visible", async () => {
  const { world, source } = setUp();
  await source.get("v");
  world.show("hidden");
  await world.pass(1000);
  assert.equal(world.asked.length, 1);
  world.show("visible");
  await settle();
  assert.equal(world.asked.length, 2);
  world.show("visible"); // nothing is due now
  await settle();
  assert.equal(world.asked.length, 2);
});

test("coming back online replaces what is due", async () => {
  const { world, source } = setUp();
  await source.get("v");
  world.time += 85_000; // timers did not run: the computer slept
  world.window.dispatchEvent(new Event("online"));
  await settle();
  assert.equal(world.asked.length, 2);
});

test("a monotonic clock that stood still while the computer slept does no harm", async () => {
  const { world, source } = setUp();
  const first = await source.get("v");
  world.wallOffset += 99_000;
  assert.equal(source.remaining(first), 1);
  assert.notEqual(await source.get("v"), first);
});

test("a wall clock that is set back prolongs nothing", async () => {
  const { world, source } = setUp();
  const first = await source.get("v");
  world.wallOffset -= 1e9;
  world.time += 40_000;
  assert.equal(source.remaining(first), 60);
});

for (const status of [401, 403]) {
  test(`a back end that answers ${status} is asked once more, with new headers`, async () => {
    let login = 0;
    const { world, source, events } = setUp({ headers: async () => ({ "x-login": String(++login) }) });
    world.answers = [() => refusal(status, "unauthenticated")];
    await source.get("v");
    assert.deepEqual(world.asked.map((a) => a.headers.get("x-login")), ["1", "2"]);
    assert.equal(events.length, 1);
  });

  test(`${status} twice is the answer`, async () => {
    const { world, source, events } = setUp();
    world.answers = [() => refusal(status, "not_entitled"), () => refusal(status, "not_entitled")];
    await assert.rejects(source.get("v"), { name: "TokenError", status, code: "not_entitled", retryable: false });
    assert.equal(world.asked.length, 2);
    assert.deepEqual(events.map((e) => [e.type, e.error.code]), [["error", "not_entitled"]]);
    await world.pass(1000);
    assert.equal(world.asked.length, 2);
  });
}

test("other refusals are told at once, with what the answer says", async () => {
  const { world, source } = setUp();
  world.answers = [() => refusal(503, "no_active_key", { "retry-after": "7" })];
  await assert.rejects(source.get("v"), { status: 503, code: "no_active_key", retryAfter: 7, retryable: true });
  assert.equal(world.asked.length, 1);
  await source.get("v"); // a failure is not remembered
});

for (const [name, answer] of [
  ["no JSON", () => new Response("<html>", { status: 200 })],
  ["no token", () => tokenAnswer({ token: undefined })],
  ["another video's token", () => tokenAnswer({ video_id: "w" })],
  ["no life", () => tokenAnswer({ expires_in: 0 })],
]) {
  test(`an answer with ${name} is an error`, async () => {
    const { world, source } = setUp();
    world.answers = [answer];
    await assert.rejects(source.get("v"), { code: "bad_answer" });
  });
}

test("while the token lives, a failed refresh is an event and is tried again", async () => {
  const { world, source, events } = setUp();
  const first = await source.get("v");
  const down = () => { throw new TypeError("connection refused"); };
  world.answers = [down, () => refusal(503, "signer_unavailable", { "retry-after": "3" })];
  await world.pass(82.1);
  assert.deepEqual(events.at(-1).error.code, "network");
  assert.equal(await source.get("v"), first);
  await world.pass(0.7); // the first back-off is under a second
  assert.deepEqual(events.at(-1).error.code, "signer_unavailable");
  await world.pass(2.5);
  assert.equal(world.asked.length, 3);
  await world.pass(1);
  assert.equal(events.at(-1).type, "refresh");
});

test("giving up leaves the others their token", async () => {
  const { world, source, events } = setUp();
  const abort = new AbortController();
  const given = source.get("v", { signal: abort.signal });
  const kept = source.get("v");
  abort.abort();
  await assert.rejects(given, { name: "AbortError" });
  assert.equal((await kept).videoId, "v");
  assert.equal(world.asked.length, 1);
  assert.equal(events.length, 1);
});

test("when the last one gives up, the request ends, and the next one starts anew", async () => {
  const { world, source, events } = setUp();
  world.answers = [() => new Promise(() => {})];
  const abort = new AbortController();
  const given = source.get("v", { signal: abort.signal });
  await settle();
  abort.abort();
  const next = source.get("v");
  await assert.rejects(given, { name: "AbortError" });
  assert.equal((await next).videoId, "v");
  assert.ok(world.asked[0].signal.aborted);
  assert.deepEqual(events.map((e) => e.type), ["refresh"]);
});

test("a call that was aborted before it began sends no request", async () => {
  const { world, source } = setUp();
  await assert.rejects(source.get("v", { signal: AbortSignal.abort() }), { name: "AbortError" });
  await assert.rejects(source.fresh("v", { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(world.asked.length, 0);
});

test("what is forgotten is not refreshed, and close forgets all", async () => {
  const { world, source } = setUp();
  world.answers = [() => tokenAnswer(), () => tokenAnswer({ video_id: "w" })];
  await Promise.all([source.get("v"), source.get("w")]);
  source.forget("v");
  source.forget("never seen");
  assert.equal(world.timers.size, 1);
  source.close();
  assert.equal(world.timers.size, 0);
  world.time += 90_000;
  world.show("visible");
  world.window.dispatchEvent(new Event("online"));
  await settle();
  assert.equal(world.asked.length, 2);
});

test("a token is in no error and no event but its own", async () => {
  const { world, source } = setUp();
  world.answers = [() => tokenAnswer({ token: "CANARY", video_id: "w" })];
  await assert.rejects(source.get("v"), (error) => !JSON.stringify([error.message, error.stack, error]).includes("CANARY"));
});
