// What the package playtoken/server understands, one line for each call. Its client waits for nothing.
const [module, url, apiKey] = process.argv.slice(2);
const { createClient } = await import(module);
const sleep = async (ms) => console.log("  waits", ms >= 1000 ? "as Retry-After says" : "a moment");
const client = (more) => createClient({ url, apiKey, sleep, onerror: (e) => console.log("  onerror", e.code), ...more });
const attempt = async (what, call) => {
  try {
    console.log(what, JSON.stringify(await call()));
  } catch (e) {
    console.log(what, e.name, e.status, e.code, e.requestId ? "id" : "no id", e.retryAfter, ...e.errors.map((m) => m.field));
  }
};
const short = ({ token, video_id, key_id, expires_in, urls, error }) => token ? [video_id, key_id, expires_in, urls.hls.endsWith(token)] : error.code;
const passedOn = async (answer) => {
  const { code, video_id } = await answer.json();
  return [answer.status, code ?? video_id, answer.headers.get("cache-control"), answer.headers.get("retry-after")];
};
await attempt("mint", async () => short(await client().mint({ video_id: "vid1", expires_in: 100, claims: { plan: "a" } })));
await attempt("batch", async () => (await client().batch([{ video_id: "vid1" }, { video_id: "../x" }])).map(short));
await attempt("inspect", async () => {
  const { token } = await client().mint({ video_id: "vid1" });
  const { valid, claims, key } = await client().inspect({ token });
  return [valid, claims.sub, key.generation];
});
const tokens = await client().exchange();
await attempt("exchange", () => tokens);
await attempt("by access token", async () => short(await client({ apiKey: "", accessToken: async () => tokens.access_token }).mint({ video_id: "vid2" })));
await attempt("refresh", async () => (await client().refresh(tokens.refresh_token)).token_type);
await attempt("bad key", () => client({ apiKey: "guess" }).mint({ video_id: "vid1" }));
await attempt("bad video", () => client().mint({ video_id: "../x" }));
await attempt("too long", () => client().mint({ video_id: "vid1", expires_in: 999999 }));
await attempt("bad refresh", () => client().refresh("guess"));
await attempt("passed on", async () => passedOn(await client().respond({ video_id: "vid1" })));
await attempt("refused", async () => passedOn(await client().respond({ video_id: "../x" })));
await attempt("our fault", async () => passedOn(await client({ apiKey: "guess" }).respond({ video_id: "vid1" })));
await attempt("lost", async () => short(await client().mint({ video_id: "vidlost" })));
await attempt("refresh lost", () => client().refresh("lost"));
await attempt("store away", async () => short(await client().mint({ video_id: "vidaway" })));
await attempt("impatient", () => client({ patience: 0 }).mint({ video_id: "vid2away" }));
await attempt("away, passed on", async () => passedOn(await client({ patience: 0 }).respond({ video_id: "vid3away" })));
