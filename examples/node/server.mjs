// A page's back end in Node 20 or later: run it with
//
//     PLAYTOKEN_URL=https://tokens.example.com PLAYTOKEN_API_KEY=pt_… node server.mjs
//
// The page asks POST /token {"video_id": "…"}. The API key stays here.
import { createServer } from "node:http";

const { PLAYTOKEN_URL, PLAYTOKEN_API_KEY, PORT = "3000" } = process.env;

// Put your own login in place of these two: who asks, and what they may watch.
const viewers = new Map([["session-of-ann", { name: "ann", videos: ["counter"] }]]);
const viewerOf = (request) => viewers.get(/(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1]);

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) {
    if ((text += chunk).length > 4096) throw new Error("the body is too long");
  }
  return JSON.parse(text);
}

async function answer(request) {
  if (request.method !== "POST" || request.url !== "/token") return [404, { code: "not_found" }];
  const viewer = viewerOf(request);
  if (!viewer) return [401, { code: "unauthenticated" }];
  const { video_id } = await bodyOf(request).catch(() => ({}));
  if (!viewer.videos.includes(video_id)) return [403, { code: "not_entitled" }];
  const minted = await fetch(PLAYTOKEN_URL + "/v1/playback-tokens", {
    method: "POST",
    redirect: "error",
    headers: { authorization: "Bearer " + PLAYTOKEN_API_KEY, "content-type": "application/json" },
    body: JSON.stringify({ video_id }),
    signal: AbortSignal.timeout(10_000),
  });
  if (minted.ok) return [200, await minted.json()];
  console.error("mint:", minted.status, await minted.text()); // for you, not for the viewer
  return [503, { code: "unavailable" }, { "retry-after": minted.headers.get("retry-after") ?? "5" }];
}

createServer(async (request, response) => {
  const failed = (error) => (console.error(error), [503, { code: "unavailable" }, { "retry-after": "5" }]);
  const [status, body, headers = {}] = await answer(request).catch(failed);
  const type = status === 200 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", ...headers });
  response.end(JSON.stringify(body));
}).listen(Number(PORT), "127.0.0.1", function () {
  console.log(`listening on http://127.0.0.1:${this.address().port}`);
});
