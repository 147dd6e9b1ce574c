import { test } from "node:test";
import assert from "node:assert/strict";
import { TokenError, createTokenSource } from "../sdk/src/index.js";
import { Media, World, refusal, settle, tokenAnswer } from "./world.js";

function setUp({ fetchToken, endpoint = fetchToken ? undefined : "/token", ...more } = {}) {
  const world = new World();
  const source = createTokenSource({ videoId: "v", endpoint, fetchToken, surroundings: world.surroundings, ...more });
  const events = [];
  for (const type of ["refresh", "error", "end"]) source.addEventListener(type, (event) => events.push({ type, ...event.detail }));
  return { world, source, events };
}

/** A source whose first token was taken by a player that plays. */
async function playing(options) {
  const all = setUp(options);
  const media = new Media();
  const stop = all.source.watch(media);
  media.play();
  return { ...all, media, stop, first: await all.source.get() };
}

const down = () => { throw new TypeError("connection refused"); };
const types = (events) => events.map((e) => e.type);

test("a token is asked for once and then kept", async () => {
  const { world, source, events } = setUp();
  const first = await source.get();
  assert.equal(await source.get(), first);
  assert.equal(source.current, first);
  assert.equal(world.asked.length, 1);
  const { url, method, body, credentials, cache, redirect, referrerPolicy } = world.asked[0];
  assert.deepEqual(
    { url, method, body, credentials, cache, redirect, referrerPolicy },
    { url: "/token", method: "POST", body: '{"video_id":"v"}', credentials: "same-origin", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" },
  );
  assert.equal(first.keyId, "k1");
  assert.equal(first.urls.hls, "https://media.test/v/hls.m3u8?jwt=x");
  assert.deepEqual(events, [{ type: "refresh", token: first, previous: undefined }]);
});

test("a source takes either an endpoint or a function, and one video", () => {
  for (const options of [{ videoId: "v" }, { endpoint: "/token" }, { videoId: "v", endpoint: "/token", fetchToken: down }]) {
    assert.throws(() => createTokenSource({ surroundings: new World().surroundings, ...options }), TypeError);
  }
});

test("nothing is asked for before it is wanted; prefetch wants it at once", async () => {
  const lazy = setUp();
  await lazy.world.pass(100);
  assert.equal(lazy.world.asked.length, 0);
  const eager = setUp({ prefetch: true });
  await settle();
  assert.equal(eager.world.asked.length, 1);
  assert.equal(await eager.source.get(), eager.source.current);
  assert.equal(eager.world.asked.length, 1);
});

test("simultaneous calls share one request", async () => {
  const { world, source } = setUp();
  const [a, b, c] = await Promise.all([source.get(), source.get(), source.fresh()]);
  assert.ok(a === b && b === c);
  assert.equal(world.asked.length, 1);
});

test("the handlers onrefresh, onerror and onend are called, and may be replaced", async () => {
  const { world, source } = setUp();
  const seen = [];
  source.onrefresh = () => seen.push("wrong");
  source.onrefresh = ({ detail }) => seen.push(detail.token.videoId);
  source.onerror = ({ detail }) => seen.push(detail.error.code);
  source.onend = ({ detail }) => seen.push(detail.error.reason);
  await source.get();
  world.answers = [() => refusal(404, "not_found")];
  await world.pass(200);
  await assert.rejects(source.get());
  assert.deepEqual(seen, ["v", "not_found", "rejected"]);
});

test("life is counted from before the question", async () => {
  const { world, source } = setUp();
  world.answers = [(w) => { w.time += 7000; return tokenAnswer({ life: 100 }); }];
  assert.equal(source.remaining(await source.get()), 93);
});

test("while a player plays, a token is replaced at refresh_at, with jitter inside the time left", async () => {
  const { world, source, events, first } = await playing(); // refresh at 80 of 100, jitter half of a fifth of 20
  await world.pass(81.9);
  assert.equal(world.asked.length, 1);
  await world.pass(0.2);
  assert.equal(world.asked.length, 2);
  assert.equal(events[1].previous, first);
  assert.notEqual(source.current, first);
  await world.pass(800);
  assert.equal(world.asked.length, 11);
});

for (const [name, stop] of [
  ["paused", ({ media }) => media.pause()],
  ["ended", ({ media }) => media.end()],
  ["no longer watched", ({ stop }) => stop()],
  ["hidden", ({ world }) => world.show("hidden")],
  ["offline", ({ world }) => world.connect(false)],
]) {
  test(`a player that is ${name} sends no request`, async () => {
    const all = await playing();
    stop(all);
    await all.world.pass(1000);
    assert.equal(all.world.asked.length, 1);
    assert.equal(all.world.timers.size, 0);
  });
}

for (const [name, leave, back] of [
  ["resumed", ({ media }) => media.pause(), ({ media }) => media.play()],
  ["visible again", ({ world }) => world.show("hidden"), ({ world }) => world.show("visible")],
  ["online again", ({ world }) => world.connect(false), ({ world }) => world.connect(true)],
  ["awake, and told so", ({ world }) => world.sleep(85), ({ world }) => world.window.dispatchEvent(new Event("focus"))],
  ["back from the page cache", ({ world }) => world.sleep(85), ({ world }) => world.window.dispatchEvent(new Event("pageshow"))],
]) {
  test(`a player that is ${name} gets what is due at once, and once`, async () => {
    const all = await playing();
    leave(all);
    if (!name.startsWith("awake") && !name.startsWith("back")) await all.world.pass(1000);
    back(all);
    await settle();
    assert.equal(all.world.asked.length, 2);
    back(all);
    await settle();
    assert.equal(all.world.asked.length, 2);
  });
}

test("a sleep that no event reports is noticed within 15 seconds", async () => {
  const { world, source, first } = await playing();
  world.sleep(95);
  assert.equal(source.remaining(first), 5);
  await world.pass(15);
  assert.equal(world.asked.length, 2);
});

test("two players: the last one that stops ends refreshing, and a stop counts once", async () => {
  const { world, source } = setUp();
  await source.get();
  const [one, other] = [source.keepFresh(), source.keepFresh()];
  one();
  one();
  await world.pass(90);
  assert.equal(world.asked.length, 2);
  other();
  await world.pass(900);
  assert.equal(world.asked.length, 2);
});

test("use hands out the token of the moment, and begins what is due even on a hidden page", async () => {
  const { world, source } = setUp();
  world.show("hidden");
  assert.equal(source.use(), undefined); // and asks for the first one
  await settle();
  const first = source.use();
  assert.equal(first, source.current);
  await world.pass(83);
  assert.equal(world.asked.length, 1);
  assert.equal(source.use(), first);
  assert.equal(source.use(), first);
  await settle();
  assert.equal(world.asked.length, 2);
  assert.notEqual(source.use(), first);
});

test("a service without refresh_at is asked at three quarters", async () => {
  const { world, source } = setUp();
  world.answers = [() => tokenAnswer({ refresh_at: undefined })];
  assert.equal((await source.get()).refreshIn, 75);
});

test("get hands out a token that is due and replaces it behind, but none that is about to end", async () => {
  const { world, source } = setUp();
  const first = await source.get();
  await world.pass(89);
  assert.equal(await source.get(), first);
  await settle();
  assert.equal(world.asked.length, 2);
  const second = await source.get();
  assert.notEqual(second, first);
  await world.pass(91);
  assert.notEqual(await source.get(), second);
  assert.equal(world.asked.length, 3);
});

test("a wall clock that is set forward or back prolongs nothing", async () => {
  const { world, source } = setUp();
  const first = await source.get();
  world.wallOffset -= 1e9;
  world.time += 40_000;
  assert.equal(source.remaining(first), 60);
  assert.equal(source.current, first);
  world.wallOffset += 2e9;
  assert.equal(source.current, undefined);
});

for (const [status, reason] of [[401, "unauthenticated"], [403, "forbidden"]]) {
  test(`a back end that answers ${status} is asked once more, with new headers`, async () => {
    let login = 0;
    const { world, source, events } = setUp({ headers: async () => ({ "x-login": String(++login) }) });
    world.answers = [() => refusal(status, "unauthenticated")];
    await source.get();
    assert.deepEqual(world.asked.map((a) => a.headers.get("x-login")), ["1", "2"]);
    assert.equal(events.length, 1);
  });

  test(`${status} twice is the end`, async () => {
    const { world, source, events } = setUp();
    world.answers = [() => refusal(status, "not_entitled"), () => refusal(status, "not_entitled")];
    source.keepFresh();
    await assert.rejects(source.get({ patience: 60 }), { name: "TokenError", status, reason, code: "not_entitled", retryable: false });
    assert.equal(world.asked.length, 2);
    assert.deepEqual(types(events), ["error", "end"]);
    await world.pass(1000);
    assert.equal(source.use(), undefined);
    await settle();
    assert.equal(world.asked.length, 2);
    await source.get(); // the viewer has bought the film, and the page asks again
    assert.notEqual(source.use(), undefined);
  });
}

for (const [status, code, reason, retryable] of [
  [503, "no_active_key", "unavailable", true],
  [429, "rate_limited", "rate_limited", true],
  [500, "internal", "unavailable", true],
  [422, "video_invalid", "rejected", false],
]) {
  test(`${status} is told at once, with what the answer says`, async () => {
    const { world, source } = setUp();
    world.answers = [() => refusal(status, code, { "retry-after": "7" })];
    await assert.rejects(source.get(), { status, code, reason, retryAfter: 7, retryable });
    assert.equal(world.asked.length, 1);
    await source.get(); // a failure is not remembered
  });
}

for (const [name, answer] of [
  ["no JSON", () => new Response("<html>", { status: 200 })],
  ["no token", () => tokenAnswer({ token: undefined })],
  ["another video's token", () => tokenAnswer({ video_id: "w" })],
  ["no life", () => tokenAnswer({ expires_in: 0 })],
]) {
  test(`an answer with ${name} is an error`, async () => {
    const { world, source } = setUp();
    world.answers = [answer];
    await assert.rejects(source.get(), { reason: "bad_answer", code: "bad_answer", retryable: true });
  });
}

test("while the token lives, a failed refresh is an event and is tried again, after Retry-After", async () => {
  const { world, source, events, first } = await playing();
  world.answers = [down, () => refusal(503, "signer_unavailable", { "retry-after": "3" })];
  await world.pass(82.1);
  assert.equal(events.at(-1).error.code, "network");
  assert.equal(source.use(), first);
  assert.equal(world.asked.length, 2); // a use does not shorten the pause
  await world.pass(0.8); // the first back-off is under a second
  assert.equal(events.at(-1).error.code, "signer_unavailable");
  await world.pass(2.5);
  assert.equal(world.asked.length, 3);
  await world.pass(1);
  assert.equal(events.at(-1).type, "refresh");
});

test("a token that still lives is handed out when replacing it fails", async () => {
  const { world, source, first } = await playing();
  world.answers = [down, down, down, down, down, down, down, down];
  await world.pass(95);
  assert.equal(await source.get(), first);
});

test("a viewer who is logged out keeps the living token, and the end is told when it ends", async () => {
  const { world, source, events, first } = await playing();
  world.answers = Array.from({ length: 9 }, () => () => refusal(401, "unauthenticated"));
  await world.pass(99);
  assert.deepEqual(types(events), ["refresh", "error"]);
  assert.equal(source.use(), first);
  await world.pass(1.1);
  assert.deepEqual(types(events), ["refresh", "error", "error", "end"]);
  assert.equal(events.at(-1).error.reason, "unauthenticated");
  await world.pass(1000);
  assert.equal(world.asked.length, 1 + 4);
});

test("the end is told once, however often a player asks, and anew after a token that revived the source", async () => {
  const { world, source, events } = setUp();
  world.answers = Array.from({ length: 8 }, () => () => refusal(403, "not_entitled"));
  for (let i = 0; i < 4; i++) await assert.rejects(source.get(), { reason: "forbidden" });
  assert.equal(types(events).filter((type) => type === "end").length, 1);
  await source.get();
  world.answers = Array.from({ length: 8 }, () => () => refusal(403, "not_entitled"));
  await world.pass(1000);
  await assert.rejects(source.get(), { reason: "forbidden" });
  assert.equal(types(events).filter((type) => type === "end").length, 2);
});

test("patience waits out what may pass, and ends the wait when the network is back", async () => {
  const { world, source } = setUp();
  world.answers = [down, () => refusal(503, "no_active_key", { "retry-after": "20" })];
  const waiting = source.get({ patience: 60 });
  await world.pass(1);
  assert.equal(world.asked.length, 2);
  await world.pass(10);
  assert.equal(world.asked.length, 2);
  world.connect(true);
  assert.equal((await waiting).videoId, "v");
  assert.equal(world.timers.size, 0);
});

test("patience ends", async () => {
  const { world, source, events } = setUp();
  world.answers = Array.from({ length: 99 }, () => down);
  const waiting = assert.rejects(source.get({ patience: 30 }), { reason: "network" });
  await world.pass(31);
  await waiting;
  assert.ok(world.asked.length >= 5 && world.asked.length <= 8, `${world.asked.length} attempts`);
  assert.ok(!types(events).includes("end"));
});

test("a life that is written as text is a number", async () => {
  const { source } = setUp({ fetchToken: () => tokenAnswer({ expires_in: "60" }) });
  assert.equal((await source.get()).life, 60);
});

test("a back end that never answers is given up after 15 seconds", async () => {
  const { world, source } = setUp();
  world.answers = [() => new Promise(() => {})];
  const waiting = assert.rejects(source.get(), { reason: "network" });
  await world.pass(15.1);
  await waiting;
});

test("a page's own function may answer with the service's answer, a response, or an error with a status", async () => {
  const asks = [];
  const answers = [() => tokenAnswer().json(), () => tokenAnswer(), () => { throw Object.assign(new Error("no"), { status: 403 }); }];
  const { source } = setUp({ fetchToken: async (ask) => { asks.push(ask); return (answers.length > 1 ? answers.shift() : answers[0])(); } });
  await source.fresh();
  await source.fresh();
  await assert.rejects(source.fresh(), { status: 403, reason: "forbidden", code: "http_403" });
  assert.deepEqual(asks.map(({ videoId, again }) => [videoId, again]), [["v", false], ["v", false], ["v", false], ["v", true]]);
});

test("a refused token is replaced once; requests that had the old one get the new one", async () => {
  const { world, source, first } = await playing();
  const [a, b] = await Promise.all([source.refused(first), source.refused(first)]);
  assert.ok(a === b && a !== first && a === source.current);
  assert.equal(await source.refused(first), a);
  assert.equal(world.asked.length, 2);
});

test("a replacement that is refused, too, is the end", async () => {
  const { world, source, events, first } = await playing();
  const second = await source.refused(first);
  await assert.rejects(source.refused(second), { reason: "refused", code: "refused", retryable: false });
  await assert.rejects(source.refused(first), { reason: "refused" });
  assert.deepEqual(types(events), ["refresh", "refresh", "end"]);
  await world.pass(1000);
  assert.equal(world.asked.length, 2);
  await source.fresh(); // the viewer presses "try again"
  await world.pass(90);
  assert.equal(world.asked.length, 4);
});

test("a replacement that was accepted may be replaced again", async () => {
  const { world, source, first } = await playing();
  const second = await source.refused(first);
  source.accepted(first); // a request of before: says nothing about the second
  source.accepted(second);
  const third = await source.refused(second);
  await assert.rejects(source.refused(third), { reason: "refused" });
  assert.equal(world.asked.length, 3);
});

test("a refused token is handed out no more, not even when the back end is down", async () => {
  const { world, source, first } = await playing();
  world.answers = [down, down];
  await assert.rejects(source.refused(first), { reason: "network" });
  assert.equal(source.current, undefined);
  await assert.rejects(source.get(), { reason: "network" });
  assert.notEqual(await source.refused(first, { patience: 10 }), first);
});

test("giving up leaves the others their token", async () => {
  const { world, source, events } = setUp();
  const abort = new AbortController();
  const given = source.get({ signal: abort.signal });
  const kept = source.get();
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
  const given = source.get({ signal: abort.signal });
  await settle();
  abort.abort();
  const next = source.get();
  await assert.rejects(given, { name: "AbortError" });
  assert.equal((await next).videoId, "v");
  assert.ok(world.asked[0].signal.aborted);
  assert.deepEqual(types(events), ["refresh"]);
  assert.equal(world.timers.size, 0);
});

test("giving up ends a patient wait", async () => {
  const { world, source } = setUp();
  world.answers = [() => refusal(503, "no_active_key", { "retry-after": "20" })];
  const abort = new AbortController();
  const given = assert.rejects(source.get({ signal: abort.signal, patience: 60 }), { name: "AbortError" });
  await settle();
  abort.abort();
  await given;
  assert.equal(world.timers.size, 0);
});

test("a call that was aborted before it began sends no request", async () => {
  const { world, source } = setUp();
  await assert.rejects(source.get({ signal: AbortSignal.abort() }), { name: "AbortError" });
  await assert.rejects(source.fresh({ signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(world.asked.length, 0);
});

for (const [name, waiting] of [
  ["a request", (source) => source.get()],
  ["a patient wait", (source) => source.get({ patience: 60, signal: new AbortController().signal })],
]) {
  test(`close ends ${name}, timers and listeners`, async () => {
    const { world, source, events } = setUp();
    source.keepFresh();
    world.answers = name === "a request" ? [() => new Promise(() => {})] : [() => refusal(503, "no_active_key", { "retry-after": "20" })];
    const given = assert.rejects(waiting(source), { reason: "closed" });
    await settle();
    const asked = world.asked.length;
    source.close();
    await given;
    await assert.rejects(source.get(), { reason: "closed" });
    assert.equal(source.current, undefined);
    assert.equal(source.use(), undefined);
    world.window.dispatchEvent(new Event("online"));
    await world.pass(1000);
    assert.equal(world.asked.length, asked);
    assert.equal(world.timers.size, 0);
    assert.ok(!types(events).includes("end"));
  });
}

test("a token is in no error and no event but its own", async () => {
  const { world, source } = setUp();
  world.answers = [() => tokenAnswer({ token: "CANARY", video_id: "w" })];
  await assert.rejects(source.get(), (error) => !JSON.stringify([error.message, error.stack, error]).includes("CANARY"));
});

for (const [name, answer, want] of [
  ["as the service says", { delivery: { place: "path", name: "token", renew: "url", carry: ["avh"] } }, { place: "path", name: "token", renew: "url", carry: ["avh"] }],
  ["of a place that a newer service invents", { delivery: { place: "dns", name: "x", renew: "request" } }, { place: "dns", name: "x", renew: "url" }],
  ["renewed in a way that a newer service invents", { delivery: { place: "query", name: "x", renew: "push" } }, { place: "query", name: "x", renew: "url" }],
  ["guessed from the address", { token: "a.b", urls: { hls: "https://media.test/v?x=1&tok=a.b#y" } }, { place: "query", name: "tok", renew: "request" }],
  ["unknown, with the token in the path", { token: "a.b", urls: { hls: "https://media.test/a.b/v" } }, { place: "query", name: "", renew: "url" }],
  ["unknown, without addresses", { urls: undefined }, { place: "query", name: "", renew: "url" }],
]) {
  test(`delivery is ${name}`, async () => {
    const { world, source } = setUp();
    world.answers = [() => tokenAnswer(answer)];
    assert.deepEqual({ ...(await source.get()).delivery }, want);
  });
}

test("an error is an Error with a name", () => {
  const error = new TokenError("m", { reason: "network", cause: "c" });
  assert.ok(error instanceof Error);
  assert.deepEqual([error.name, error.code, error.cause, error.retryable], ["TokenError", "network", "c", true]);
});
