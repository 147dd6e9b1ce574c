import { test } from "node:test";
import assert from "node:assert/strict";
import { refusable } from "../static/player/hls-loader.js";
import { settle } from "./world.js";

/** A loader of hls.js in small: what each request is answered comes from a list. */
function setUp(answers, renew) {
  const asked = [];
  class Base {
    stats = { loaded: 0 };
    load(context, config, callbacks) {
      asked.push(context.url);
      const { status, body = "" } = answers.shift();
      setImmediate(() => {
        this.stats.loaded = 7;
        if (status === 200) callbacks.onSuccess({ data: "media" }, this.stats, context, null);
        else callbacks.onError({ code: status, text: "" }, context, { response: new TextEncoder().encode(body) }, this.stats);
      });
    }
    abort() {}
    destroy() {}
  }
  let ticket = "old";
  const access = {
    address: (address) => `${address}?ticket=${ticket}`,
    renew: async (address, refusal) => {
      await renew?.(address, refusal);
      ticket = "new";
    },
  };
  const loader = new (refusable(Base, access))({});
  const told = [];
  const callbacks = {
    onSuccess: (response, stats) => told.push(["success", stats === loader.stats && stats.loaded]),
    onError: (error) => told.push(["error", error.code, error.text]),
  };
  return { asked, told, loader, load: () => loader.load({ url: "https://m.test/0.ts" }, {}, callbacks) };
}

const problem = (code) => JSON.stringify({ code });

for (const [name, answers, renew, asked, told] of [
  ["what is served is served", [{ status: 200 }], undefined, ["old"], [["success", 7]]],
  ["a refusal is asked again with a fresh ticket", [{ status: 403, body: problem("session_ended") }, { status: 200 }], undefined, ["old", "new"], [["success", 7]]],
  ["but once only", [{ status: 403, body: problem("session_ended") }, { status: 401, body: problem("token_expired") }], undefined, ["old", "new"], [["error", 401, "token_expired"]]],
  ["without a fresh ticket the refusal is told", [{ status: 401, body: problem("token_expired") }], (_, refusal) => Promise.reject(refusal), ["old"], [["error", 401, "token_expired"]]],
  ["a server without codes", [{ status: 403, body: "<html>" }], (_, refusal) => Promise.reject(refusal), ["old"], [["error", 403, "http_403"]]],
  ["other errors are left alone", [{ status: 404, body: problem("not_found") }], undefined, ["old"], [["error", 404, "not_found"]]],
]) {
  test(`loader: ${name}`, async () => {
    const world = setUp(answers, renew);
    world.load();
    for (let i = 0; i < 5; i++) await settle();
    assert.deepEqual(world.told, told);
    assert.deepEqual(world.asked, asked.map((ticket) => `https://m.test/0.ts?ticket=${ticket}`));
  });
}

test("loader: what was given up meanwhile is not asked again", async () => {
  let renewed;
  const world = setUp([{ status: 403 }], () => new Promise((resolve) => (renewed = resolve)));
  world.load();
  await settle();
  world.loader.abort();
  renewed();
  await settle();
  assert.deepEqual([world.asked.length, world.told], [1, []]);
});
