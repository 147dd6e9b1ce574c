import { readFile } from "node:fs/promises";
import { test } from "node:test";
import assert from "node:assert/strict";
import { ApiError, createClient } from "../sdk/src/server.js";
import { refusal, tokenAnswer } from "./world.js";

/** A client of a service that answers from a list, and then with tokens. */
function setUp({ answers = [], ...more } = {}) {
  const asked = [];
  const waited = [];
  const client = createClient({
    url: "https://tokens.test/", apiKey: "KEY", sleep: async (ms) => { waited.push(ms); },
    fetch: async (url, init) => {
      asked.push({ url, ...init });
      return (answers.shift() ?? (() => tokenAnswer()))();
    },
    ...more,
  });
  return { client, asked, waited };
}

const down = () => { throw Object.assign(new TypeError("fetch failed"), { cause: new Error("connect ECONNREFUSED") }); };

test("a mint is one request with the key in its header only, and follows no redirect", async () => {
  const { client, asked } = setUp();
  assert.equal((await client.mint({ video_id: "v" })).video_id, "v");
  const [{ url, method, headers, body, redirect }] = asked;
  assert.deepEqual({ url, method, headers, body, redirect }, {
    url: "https://tokens.test/v1/playback-tokens", method: "POST", body: '{"video_id":"v"}', redirect: "error",
    headers: { authorization: "Bearer KEY", "content-type": "application/json" },
  });
});

test("an access token goes first, and is asked for with every request", async () => {
  let n = 0;
  const { client, asked } = setUp({ apiKey: undefined, accessToken: async () => `T${++n}` });
  await client.mint({ video_id: "v" });
  await client.inspect({ token: "t" });
  assert.deepEqual(asked.map((a) => a.headers.authorization), ["Bearer T1", "Bearer T2"]);
  await assert.rejects(client.exchange(), TypeError);
});

test("what is missing is said when the client is made", () => {
  for (const options of [{}, { url: "https://tokens.test" }, { apiKey: "KEY" }, { url: "tokens.test", apiKey: "KEY" },
    { url: "https://tokens.test", apiKey: "KEY\n" }, { url: "https://tokens.test", apiKey: "pt_…" }]) {
    assert.throws(() => createClient(options), /^TypeError: createClient: (url|apiKey)/);
  }
});

for (const [call, statuses, lost] of [
  [(client) => client.mint({ video_id: "v" }), [429, 502, 503, 504], true],
  [(client) => client.inspect({ token: "t" }), [429, 502, 503, 504], true],
  [(client) => client.exchange(), [429, 503], false],
  [(client) => client.refresh("r"), [429], false],
]) {
  for (const status of [400, 401, 403, 404, 422, 429, 500, 502, 503, 504, 0]) {
    const again = status === 0 ? lost : statuses.includes(status);
    test(`${call}: after ${status || "a lost answer"} it is ${again ? "" : "not "}sent again`, async () => {
      const { client, asked } = setUp({ answers: [status ? () => refusal(status, "c") : down] });
      if (again) await call(client);
      else await assert.rejects(call(client), { name: "ApiError", status, code: status ? "c" : "network" });
      assert.equal(asked.length, again ? 2 : 1);
    });
  }
}

test("it waits as long as Retry-After says, and not beyond its patience", async () => {
  const soon = () => refusal(503, "no_active_key", { "retry-after": "2" });
  const patient = setUp({ answers: [soon, soon] });
  await patient.client.mint({ video_id: "v" });
  assert.deepEqual(patient.waited, [2000, 2000]);
  const late = setUp({ answers: [soon, soon, soon] });
  await assert.rejects(late.client.mint({ video_id: "v" }), { code: "no_active_key", retryAfter: 2 });
  assert.deepEqual(late.waited, [2000, 2000]);
});

test("without Retry-After the waits grow, and end", async () => {
  const { client, waited } = setUp({ answers: Array.from({ length: 99 }, () => down) });
  await assert.rejects(client.mint({ video_id: "v" }), { status: 0, detail: "connect ECONNREFUSED" });
  assert.ok(waited.length >= 4 && waited.length <= 6 && waited.at(-1) > waited[0], String(waited));
});

test("a batch of 250 is three requests; items keep their order; an empty one sends nothing", async () => {
  const size = (init) => JSON.parse(init.body).requests;
  const { client, asked } = setUp({
    fetch: async (_, init) => (asked.push(init), Response.json({ items: size(init).map((r) => ({ video_id: r.video_id })) })),
  });
  const items = await client.batch(Array.from({ length: 250 }, (_, i) => ({ video_id: `v${i}` })));
  assert.deepEqual(items.map((i) => i.video_id), Array.from({ length: 250 }, (_, i) => `v${i}`));
  assert.deepEqual(asked.map((a) => size(a).length), [100, 100, 50]);
  assert.deepEqual(await client.batch([]), []);
});

test("an aborted call ends with the caller's reason, also in a wait", async () => {
  const before = setUp();
  await assert.rejects(before.client.mint({ video_id: "v" }, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(before.asked.length, 0);
  const abort = new AbortController();
  const during = setUp({ answers: [() => refusal(503, "c", { "retry-after": "4" })], sleep: undefined });
  const given = assert.rejects(during.client.mint({ video_id: "v" }, { signal: abort.signal }), { name: "AbortError" });
  await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await given;
});

test("an answer that is no JSON is an error, and no error shows the credential or the token", async () => {
  const { client } = setUp({ answers: [() => new Response("<html>", { status: 400 }), () => new Response("CANARY", { status: 201 })], patience: 0 });
  await assert.rejects(client.mint({ video_id: "v" }), { status: 400, code: "http_400" });
  const error = await client.mint({ video_id: "v" }).catch((e) => e);
  assert.ok(error instanceof ApiError);
  assert.ok(!/KEY/.test(error.message + error.stack + JSON.stringify(error)));
});

for (const [name, answer, want, told] of [
  ["a token", () => tokenAnswer(), [201, undefined, null], 0],
  ["a viewer who may not watch", () => refusal(403, "not_entitled"), [403, "not_entitled", null], 0],
  ["the service's limit", () => refusal(429, "rate_limited", { "retry-after": "9" }), [429, "rate_limited", "9"], 0],
  ["a wrong API key", () => refusal(401, "unauthenticated"), [500, "internal", null], 1],
  ["an API key that may not mint", () => refusal(403, "forbidden"), [500, "internal", null], 1],
  ["no service", down, [503, "network", null], 1],
]) {
  test(`respond passes on ${name}`, async () => {
    const errors = [];
    const { client } = setUp({ answers: [answer], patience: 0, onerror: (e) => errors.push(e) });
    const got = await client.respond({ video_id: "v" });
    const { code } = await got.json();
    assert.deepEqual([got.status, code, got.headers.get("retry-after")], want);
    assert.equal(got.headers.get("cache-control"), "no-store");
    assert.equal(errors.length, told);
  });
}

test("the README's back end works as it stands", async (t) => {
  const readme = await readFile(new URL("../sdk/README.md", import.meta.url), "utf8");
  const [, code] = /```js\n(import \{ createClient \}.*?)```/s.exec(readme);
  const asked = [];
  t.mock.method(globalThis, "fetch", async (url, init) => (asked.push({ url, ...init }), tokenAnswer()));
  const route = {};
  const page = {
    process: { env: { PLAYTOKEN_URL: "https://tokens.test", PLAYTOKEN_API_KEY: "KEY" } },
    app: { post: (path, ...steps) => Object.assign(route, { path, steps }) },
    express: { json: () => "json" },
    requireLogin: "login",
    mayWatch: (user, videoId) => user === "alice" && videoId === "v",
    createClient,
  };
  new Function(...Object.keys(page), code.replace(/^import .*$/m, ""))(...Object.values(page));
  assert.deepEqual([route.path, ...route.steps.slice(0, 2)], ["/token", "login", "json"]);
  const ask = async (user) => {
    const res = { status: (code) => Object.assign(res, { code }), set: (headers) => Object.assign(res, { headers }), json: (body) => Object.assign(res, { body }), send: (text) => Object.assign(res, { body: JSON.parse(text) }) };
    await route.steps[2]({ user, body: { video_id: "v" } }, res);
    return res;
  };
  assert.deepEqual((({ code, body }) => [code, body.code])(await ask("mallory")), [403, "not_entitled"]);
  assert.equal(asked.length, 0);
  const { code: status, headers, body } = await ask("alice");
  assert.deepEqual([status, headers["cache-control"], body.video_id], [201, "no-store", "v"]);
  assert.equal(asked[0].body, '{"video_id":"v"}'); // nothing that some platform would refuse
});
