import { test } from "node:test";
import assert from "node:assert/strict";
import { messageFor } from "../static/player/messages.js";
import { meaningOf, moveText, story, worthShowing } from "../static/ring.js";
import { codeOf, mintCall, revokeCall, rotateCall } from "../static/code.js";
import { outcomeOf } from "../static/acts.js";
import { partOf, pictureURL } from "../static/picture.js";
import { PlaybackError, fetchMedia, pauseAfter } from "../static/player/fetching.js";
import { refusal } from "./world.js";

test("every refusal of the gate has words of its own", () => {
  const codes = ["token_missing", "token_malformed", "token_expired", "token_not_yet_valid", "key_unknown", "signature_invalid", "video_not_allowed", "session_ended"];
  assert.equal(new Set(codes.map(messageFor)).size, codes.length);
  assert.match(messageFor("token_expired"), /^This link has expired/);
  assert.equal(messageFor("constructor"), messageFor("something new"));
});

test("the key table shows what lives and a little of what was", () => {
  const row = (generation, state) => ({ generation, state });
  const rows = [row(9, "registered"), row(8, "active"), row(7, "retiring"), row(6, "deleted"), row(5, "deleted"), row(4, "deleted")];
  assert.deepEqual(worthShowing(rows).map((r) => r.generation), [9, 8, 7, 6, 5]);
});

test("a key and a move say what they do, and when", () => {
  assert.equal(meaningOf({ state: "retiring", does: "opens what it signed", stays: 9 }), "opens what it signed; has to stay for 9 s");
  assert.equal(meaningOf({ state: "active", does: "signs" }), "signs");
  const move = (seconds) => moveText({ words: "delete generation 2", why: "its tokens have ended", in: seconds });
  assert.deepEqual([5, 0, null].map(move), ["in 5 s", "now", "blocked"].map((when) => `delete generation 2, ${when}: its tokens have ended`));
});

test("the story says why the token that plays goes on to be accepted", () => {
  const items = [
    { generation: 4, state: "registered", key_id: "k4" }, { generation: 3, state: "active", key_id: "k3" },
    { generation: 2, state: "retiring", key_id: "k2", stays: 21 }, { generation: 1, state: "deleted", key_id: "k1" },
  ];
  const ring = { items, moves: [], fresh: true, stopped: 0 };
  assert.match(story(ring, { keyId: "k2", left: 8.2 }), /^Generation 3 has taken over\. .* lives for 9 s more; that key has to stay at the platform for 21 s\. So no viewer/);
  assert.match(story(ring, { keyId: "k3", left: 8 }), /^Generation 3 signs, and signed the token that plays/);
  assert.match(story(ring, { keyId: "k1", left: 8 }), /generation 1, which is deleted/);
  for (const token of [undefined, { keyId: "other", left: 5 }, { keyId: "k2", left: 0 }, { keyId: "", left: 5 }]) {
    assert.equal(story(ring, token), "Generation 3 signs every new token.");
  }
  assert.match(story({ ...ring, items: items.slice(2) }, undefined), /^No key signs now/);
  assert.match(story({ ...ring, fresh: false }, undefined), /^The store cannot be read now/);
  assert.match(story({ ...ring, stopped: 7 }, { keyId: "k3", left: 4 }), /stopped for 7 s more.* needs no store: it lives for 4 s more/);
  assert.match(story({ ...ring, stopped: 7 }, undefined), /What was opened goes on playing/);
});

test("the calls are code without a key, quoted for where it is pasted", () => {
  const evil = "it's `$(x)` \"y\"";
  for (const call of [mintCall(evil), rotateCall("default"), revokeCall("default", 7)]) {
    for (const language of ["curl", "javascript"]) {
      const code = codeOf(call, language, "http://127.0.0.1:8080");
      assert.ok(code.includes(language === "curl" ? `$${call.key}` : `process.env.${call.key}`), code);
    }
  }
  assert.ok(codeOf(mintCall("it's"), "curl", "http://x").includes(`-d '{"video_id":"it'\\''s"}'`));
  assert.match(codeOf(revokeCall("default", 7), "curl", "http://x"), /'http:\/\/x\/v1\/projects\/default\/signing-keys\/7\/revoke'/);
});

test("every act says how it went", () => {
  assert.match(outcomeOf("rotate", { status: 200, body: { changed: true } }), /^Rotated/);
  assert.equal(outcomeOf("rotate", { status: 200, body: { changed: false, reason: "no standby" } }), "Not rotated: no standby");
  assert.match(outcomeOf("revoke", { status: 200, body: { revoked: 3, active_generation: 4, tokens_lost_for_seconds: 20, pending: null } }), /^Revoked generation 3: generation 4 signs now; .*20 s/);
  assert.match(outcomeOf("revoke", { status: 200, body: { revoked: 3, active_generation: null, pending: "x" } }), /no key signs until .* Still under way: x/);
  assert.equal(outcomeOf("outage", { status: 200, body: { stopped: 10 } }), "The store is stopped for 10 s.");
  assert.equal(outcomeOf("rotate", { status: 503, body: { detail: "the store is away" } }), "Refused with 503: the store is away");
  assert.equal(outcomeOf("rotate", { status: 0, body: {} }), "The demo does not answer.");
});

test("the picture is asked for with the tokens of the page, and its parts keep their identity", () => {
  assert.equal(pictureURL([{ keyId: "a&b", age: 1.5, life: 20 }]), "timeline.svg?token=a%26b:1500:20000");
  assert.equal(pictureURL([]), "timeline.svg?");
  const element = (part) => ({ tagName: "svg", getAttribute: (name) => (name === "data-part" ? part : "c") });
  assert.deepEqual([partOf(element("3-active"), 5), partOf(element(null), 5)], ["3-active", "svg.c.5"]);
});

test("a failed fetch says why, whether to try again, and no URL", async (t) => {
  const answers = [refusal(401, "token_expired"), refusal(503, "x", { "retry-after": "4" }), new Response("", { status: 404 })];
  t.mock.method(globalThis, "fetch", async () => answers.shift() ?? Promise.reject(new TypeError("refused CANARY")));
  const failed = async () => {
    const error = await fetchMedia("https://m.test/?jwt=CANARY", (a) => a.text(), new AbortController().signal).catch((e) => e);
    assert.ok(error instanceof PlaybackError && !error.stack.includes("CANARY"));
    return [error.code, error.refused, error.retryable, error.retryAfter];
  };
  assert.deepEqual(await failed(), ["token_expired", true, false, 0]);
  assert.deepEqual(await failed(), ["x", false, true, 4]);
  assert.deepEqual(await failed(), ["http_404", false, false, 0]);
  assert.deepEqual(await failed(), ["network", false, true, 0]);
});

test("pauses grow, end at a bound, and obey the server", () => {
  assert.deepEqual([1, 2, 3, 9].map((n) => pauseAfter({ retryAfter: 0 }, n)), [1, 2, 4, 15]);
  assert.equal(pauseAfter({ retryAfter: 60 }, 1), 60);
});
