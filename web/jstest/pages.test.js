import { test } from "node:test";
import assert from "node:assert/strict";
import { messageFor } from "../static/player/messages.js";
import { ageText, meaningOf, worthShowing } from "../static/key-table.js";
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

test("a retiring key says when it may go", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  assert.match(meaningOf({ state: "retiring", delete_not_before: "2030-01-01T00:00:09Z" }, now), /in 9 s/);
  assert.match(meaningOf({ state: "retiring", delete_not_before: "2029-01-01T00:00:09Z" }, now), /may go now/);
  assert.equal(meaningOf({ state: "a new one" }, now), "");
});

test("ages are short", () => {
  assert.deepEqual([0, 119, 120, 7199, 7200].map(ageText), ["0 s", "119 s", "2 min", "119 min", "2 h"]);
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
